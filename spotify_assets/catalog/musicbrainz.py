"""MusicBrainz' web service, as far as genres need it: one call in 1.1 s, many things in a call where it allows that.

https://musicbrainz.org/doc/MusicBrainz_API. It sheds load with 503 whoever asks: that is a bad moment, and never an
answer. What the answers say is read from the lake once they have landed (`read_answer`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from urllib.parse import quote

from spotify_assets.asking import Asker, HostFailed, Told
from spotify_assets.catalog.genre_rows import GenreAnswers
from spotify_assets.reading import Fault, Reader, excerpt, read_payload
from spotify_assets.spotify.exchange import Reply

ADDRESS = "https://open.spotify.com/artist/"
BETWEEN_CALLS = 1.1
"""Seconds. One call a second is allowed on average; who exceeds that is refused everything."""
IN_A_CALL = 90
"""Addresses or MBIDs in one call: 100 are allowed, and their address has to stay under 8 KB."""
TRIES = 6


class BatchRefused(HostFailed):
    """400 or 414 for several things at once: one of them is no id, or all together are too long."""


@dataclass(frozen=True)
class MusicBrainz:
    """The calls. Every method raises `HostFailed`; where one thing alone is asked for, None says that it is unknown."""

    asker: Asker
    url: str

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
        return self._one(f"/artist/{mbid}", [("inc", "tags"), ("fmt", "json")])

    def recordings_of(self, isrc: str) -> Told | None:
        """The recordings of an ISRC, with whom they credit and those artists' tags."""
        return self._one(f"/isrc/{isrc}", [("inc", "artist-credits+tags"), ("fmt", "json")])

    def _one(self, path: str, params: Sequence[tuple[str, str]]) -> Told | None:
        reply, at = self._get(path, params)
        # 400 is what MusicBrainz says of an id or ISRC that has not the form of one.
        return None if reply.status in (400, 404) else _told(reply, at, path)

    def _some(self, path: str, params: Sequence[tuple[str, str]]) -> Told:
        reply, at = self._get(path, params)
        if reply.status in (400, 414):
            raise BatchRefused(_refused(reply, path))
        return _told(reply, at, path)

    def _get(self, path: str, params: Sequence[tuple[str, str]]) -> tuple[Reply, datetime]:
        # `+` joins what is included, and must not be sent as %2B.
        query = "&".join(f"{name}={quote(value, safe=':+()')}" for name, value in params)
        return self.asker.get(f"{self.url}{path}?{query}")


def user_agent(contact: str | None) -> str:
    """Who asks, and whom MusicBrainz can write to: who runs this, for the program itself has no address."""
    program = f"spotify-assets/{version('spotify-assets')}"
    return f"{program} ( {contact} )" if contact else program


def _told(reply: Reply, at: datetime, path: str) -> Told:
    if reply.status != 200:
        raise HostFailed(_refused(reply, path))
    return Told(reply.body, at)


def _refused(reply: Reply, path: str) -> str:
    return (
        f"MusicBrainz refused {path} (HTTP {reply.status}): nothing is concluded and it is asked again later; if it "
        "stays so, set MUSICBRAINZ_CONTACT and look whether MUSICBRAINZ_URL is right."
    )


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
