"""MusicBrainz' web service, as far as genres need it: one call in 1.1 s, many things in a call where it allows that.

https://musicbrainz.org/doc/MusicBrainz_API. It sheds load with 503 whoever asks: that is a bad moment, and never an
answer. What the answers say is read from the lake once they have landed (`read_answer`).
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from secrets import SystemRandom
from urllib.parse import quote

import requests

from spotify_assets.asking import HostFailed, Told
from spotify_assets.catalog.genre_rows import GenreAnswers
from spotify_assets.clock import Clock
from spotify_assets.reading import Fault, Reader, excerpt, read_payload
from spotify_assets.spotify.exchange import Limits, NoAnswer, NoAuth, exchange

USER_AGENT = "spotify-assets/0.1.0 ( a self-hosted listening warehouse )"
ADDRESS = "https://open.spotify.com/artist/"
BETWEEN_CALLS = 1.1
"""Seconds. One call a second is allowed on average; who exceeds that is refused everything."""
IN_A_CALL = 90
"""Addresses or MBIDs in one call: 100 are allowed, and their address has to stay under 8 KB."""
TRIES = 6
LONGEST_WAIT = 15.0


class MusicBrainzBusy(HostFailed):
    """503 or no answer at all, six times."""


@dataclass
class MusicBrainz:
    """Calls, one after the other. `sleep` takes seconds; `jitter` gives a number in [0, 1).

    Every method raises `HostFailed`; 404 is an answer: None.
    """

    session: requests.Session = field(repr=False)
    url: str
    clock: Clock = field(repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    jitter: Callable[[], float] = field(default=SystemRandom().random, repr=False)
    limits: Limits = field(default=Limits(read=20, exchange=40), repr=False)
    calls: int = 0
    _next_at: float = 0.0

    def genres(self) -> Told:
        """The names of all genres, one a line."""
        return self._some("/genre/all", [("fmt", "txt")])

    def artists_at(self, artist_ids: Sequence[str]) -> Told:
        """Who bears the addresses of these Spotify artists, at most `IN_A_CALL`; the unknown are missing."""
        # One address alone would give another shape, and 404; the same twice is a list.
        asked = artist_ids if len(artist_ids) > 1 else [*artist_ids, *artist_ids]
        resources = [("resource", f"{ADDRESS}{artist_id}") for artist_id in asked]
        return self._some("/url", [*resources, ("inc", "artist-rels"), ("fmt", "json")])

    def tags_of(self, mbids: Sequence[str]) -> Told:
        """The tags of these artists, at most `IN_A_CALL`; those that the search doesn't know yet are missing."""
        query = f"arid:({' OR '.join(mbids)})"
        return self._some("/artist", [("query", query), ("limit", "100"), ("fmt", "json")])

    def artist(self, mbid: str) -> Told | None:
        """One artist with tags, from the database itself."""
        return self._get(f"/artist/{mbid}", [("inc", "tags"), ("fmt", "json")])

    def recordings_of(self, isrc: str) -> Told | None:
        """The recordings of an ISRC, with whom they credit and those artists' tags."""
        return self._get(f"/isrc/{isrc}", [("inc", "artist-credits+tags"), ("fmt", "json")])

    def _some(self, path: str, params: Sequence[tuple[str, str]]) -> Told:
        told = self._get(path, params)
        if told is None:
            raise HostFailed(f"MusicBrainz does not know {path} (HTTP 404): correct MUSICBRAINZ_URL.")
        return told

    def _get(self, path: str, params: Sequence[tuple[str, str]]) -> Told | None:
        # `+` joins what is included, and must not be sent as %2B.
        query = "&".join(f"{name}={quote(value, safe=':+()')}" for name, value in params)
        problem = ""
        for attempt in range(1, TRIES + 1):
            self._wait_for_my_turn()
            try:
                reply = exchange(self.session, "GET", f"{self.url}{path}?{query}", auth=NoAuth(), limits=self.limits)
            except NoAnswer as no_answer:
                problem = str(no_answer)
            else:
                if reply.status == 200:
                    return Told(reply.body, self.clock.now())
                if reply.status == 404:
                    return None
                problem = f"HTTP {reply.status}"
                if reply.status not in (429, 500, 502, 503, 504):
                    raise HostFailed(f"MusicBrainz refused {path} ({problem}): genres are asked for again later.")
            if attempt < TRIES:
                self.sleep(min(2.0 ** (attempt - 1) * (0.5 + self.jitter()), LONGEST_WAIT))
        raise MusicBrainzBusy(
            f"MusicBrainz gave no answer ({problem}, {TRIES} tries): nothing is concluded, it is asked again later."
        )

    def _wait_for_my_turn(self) -> None:
        now = time.monotonic()
        if now < self._next_at:
            self.sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + BETWEEN_CALLS
        self.calls += 1


def read_answer(payload: bytes) -> tuple[GenreAnswers, list[Fault]]:
    """What a landed answer of any of these calls says, and what of it can't be read. Never raises for its content."""
    found = GenreAnswers()
    if not payload.lstrip().startswith(b"{"):
        return _genre_list(payload, found)
    top = read_payload(payload)
    if "urls" in top.value:
        for url in top.children("urls") or []:
            _address(url, found)
    elif "artists" in top.value:
        for artist in top.children("artists") or []:
            _tags(artist, found)
    elif "recordings" in top.value:
        _recordings(top, found)
    elif top.value and "tags" in top.value:
        _tags(top, found)
    elif top.value:
        top.fault("", "no answer of MusicBrainz' about addresses, artists or ISRCs", top.value)
    return found, top.faults


def _genre_list(payload: bytes, found: GenreAnswers) -> tuple[GenreAnswers, list[Fault]]:
    names = [line.strip() for line in payload.decode("utf-8", "replace").splitlines() if line.strip()]
    # A page of HTML, or a cut answer, would take everybody's genres away.
    if len(names) < 2 or any("<" in name or "\x00" in name for name in names):
        return found, [Fault("", "no list of genres", excerpt(payload[:200].decode("latin-1")))]
    found.genres = sorted(set(names))
    return found, []


def _address(url: Reader, found: GenreAnswers) -> None:
    resource = url.text("resource") or ""
    if not resource.startswith(ADDRESS):
        return
    mbids = set()
    for relation in url.children("relations") or []:
        artist = relation.child("artist")
        mbid = artist.text("id") if artist else None
        if mbid and not relation.boolean("ended"):
            mbids.add(mbid)
    found.addresses[resource.removeprefix(ADDRESS)] = sorted(mbids)


def _tags(artist: Reader, found: GenreAnswers) -> None:
    mbid = artist.text("id")
    if mbid is None:
        artist.fault("id", "an artist without an MBID", artist.value)
        return
    votes: dict[str, int] = {}
    for tag in artist.children("tags") or []:
        name, count = tag.text("name"), tag.integer("count")
        if name is not None and count is not None:
            votes[name] = max(count, votes.get(name, count))
    found.tags[mbid] = votes


def _recordings(top: Reader, found: GenreAnswers) -> None:
    isrc = top.text("isrc")
    if isrc is None:
        top.fault("isrc", "recordings without their ISRC", dict(top.value))
        return
    names: dict[str, str] = {}
    for recording in top.children("recordings") or []:
        for credit in recording.children("artist-credit") or []:
            artist = credit.child("artist")
            mbid, name = (artist.text("id"), artist.text("name")) if artist else (None, None)
            if artist and mbid and name:
                names[mbid] = name
                _tags(artist, found)
    found.isrcs[isrc] = names
