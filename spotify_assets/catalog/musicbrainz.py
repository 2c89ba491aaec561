"""MusicBrainz' web service, as far as genres need it: one call in 1.1 s, many things in a call where it allows that.

https://musicbrainz.org/doc/MusicBrainz_API. It sheds load with 503 whoever asks: that is a bad moment, and never an
answer. What the answers say is read from the lake once they have landed (`read_answer`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from urllib.parse import quote

from spotify_assets.asking import Asker, HostFailed, Told
from spotify_assets.catalog.genre_rows import GENRE_BYTES, GenreAnswers
from spotify_assets.reading import Fault, Reader, excerpt, read_payload
from spotify_assets.spotify.exchange import Reply

ADDRESS = "https://open.spotify.com/artist/"
BETWEEN_CALLS = 1.1
"""Seconds. One call a second is allowed on average; who exceeds that is refused everything."""
IN_A_CALL = 90
"""Addresses or MBIDs in one call: 100 are allowed, and their address has to stay under 8 KB."""
TRIES = 6
FEWEST_GENRES = 100
"""There are some 2,000: fewer are an error page or a cut list, which would take everybody's genres away."""
_MBID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ISRC_BYTES = 20


class BatchRefused(HostFailed):
    """400 or 414 for several things at once: one of them is no id, or all together are too long."""


@dataclass(frozen=True)
class Answer(Told):
    """What came with status 200 from `path`. `is_one`: it holds what was asked for, and is no error page."""

    path: str
    is_one: bool


@dataclass(frozen=True)
class MusicBrainz:
    """The calls. Every method raises `HostFailed`; where one thing alone is asked for, None says that it is unknown."""

    asker: Asker
    url: str

    def genres(self) -> Answer:
        """The names of all genres, one a line."""
        return self._some("/genre/all", [("fmt", "txt")], lambda body: read_answer(body)[0].genres is not None)

    def artists_at(self, artist_ids: Sequence[str]) -> Answer:
        """Who bears the addresses of these Spotify artists, at most `IN_A_CALL`; the unknown are missing."""
        # One address alone would give another shape, and 404; the same twice is a list.
        asked = artist_ids if len(artist_ids) > 1 else [*artist_ids, *artist_ids]
        resources = [("resource", f"{ADDRESS}{artist_id}") for artist_id in asked]
        params = [*resources, ("inc", "artist-rels"), ("fmt", "json")]
        return self._some("/url", params, lambda body: isinstance(_top(body).get("urls"), list))

    def tags_of(self, mbids: Sequence[str]) -> Answer:
        """The tags of these artists, at most `IN_A_CALL`; those that the search doesn't know yet are missing."""
        query = f"arid:({' OR '.join(mbids)})"
        params = [("query", query), ("limit", "100"), ("fmt", "json")]
        return self._some("/artist", params, lambda body: isinstance(_top(body).get("artists"), list))

    def artist(self, mbid: str) -> Answer | None:
        """One artist with tags, from the database itself: another one where this one was merged into that."""
        params = [("inc", "tags"), ("fmt", "json")]
        return self._one(f"/artist/{mbid}", params, lambda body: _MBID.fullmatch(str(_top(body).get("id"))) is not None)

    def recordings_of(self, isrc: str) -> Answer | None:
        """The recordings of an ISRC, with whom they credit and those artists' tags."""
        params = [("inc", "artist-credits+tags"), ("fmt", "json")]
        return self._one(f"/isrc/{isrc}", params, lambda body: _top(body).get("isrc") == isrc)

    def _one(self, path: str, params: Sequence[tuple[str, str]], is_one: Callable[[bytes], bool]) -> Answer | None:
        reply, at = self._get(path, params)
        # 400 is what MusicBrainz says of an id or ISRC that has not the form of one.
        return None if reply.status in (400, 404) else _answer(reply, at, path, is_one)

    def _some(self, path: str, params: Sequence[tuple[str, str]], is_one: Callable[[bytes], bool]) -> Answer:
        reply, at = self._get(path, params)
        if reply.status in (400, 414):
            raise BatchRefused(_refused(reply, path))
        return _answer(reply, at, path, is_one)

    def _get(self, path: str, params: Sequence[tuple[str, str]]) -> tuple[Reply, datetime]:
        # `+` joins what is included, and must not be sent as %2B.
        query = "&".join(f"{name}={quote(value, safe=':+()')}" for name, value in params)
        return self.asker.get(f"{self.url}{path}?{query}")


def user_agent(contact: str | None) -> str:
    """Who asks, and whom MusicBrainz can write to: who runs this, for the program itself has no address."""
    program = f"spotify-assets/{version('spotify-assets')}"
    return f"{program} ( {contact} )" if contact else program


def _answer(reply: Reply, at: datetime, path: str, is_one: Callable[[bytes], bool]) -> Answer:
    if reply.status != 200:
        raise HostFailed(_refused(reply, path))
    return Answer(reply.body, at, path, is_one(reply.body))


def _top(body: bytes) -> Mapping[str, object]:
    return read_payload(body).value


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
    names = [line.strip() for line in payload.decode("utf-8-sig", "replace").splitlines() if line.strip()]
    if len(set(names)) < FEWEST_GENRES or not all(map(_may_be_a_genre, names)):
        return found, [Fault("", "no list of genres", excerpt(payload[:200].decode("latin-1")))]
    found.genres = sorted(set(names))
    return found, []


def _may_be_a_genre(name: str) -> bool:
    return "<" not in name and "\x00" not in name and len(name.encode()) <= GENRE_BYTES


# What is said of a thing replaces all that is known of it: so it counts only where every word of it could be read.


def _address(url: Reader, found: GenreAnswers) -> None:
    before = len(url.faults)
    resource = url.key("resource") or ""
    if not resource.startswith(ADDRESS):
        return
    mbids = set()
    for relation in _list(url, "relations"):
        artist = relation.child("artist")
        mbid = _mbid(artist) if artist else None
        if mbid and not relation.boolean("ended"):
            mbids.add(mbid)
    if len(url.faults) == before:
        found.addresses[resource.removeprefix(ADDRESS)] = sorted(mbids)


def _tags(artist: Reader, found: GenreAnswers) -> None:
    before = len(artist.faults)
    mbid = _mbid(artist)
    votes: dict[str, int] = {}
    for tag in _list(artist, "tags"):
        name, count = tag.key("name", GENRE_BYTES), tag.integer("count")
        if name is not None and count is not None:
            votes[name] = max(count, votes.get(name, count))
    if mbid and len(artist.faults) == before:
        found.tags[mbid] = votes


def _recordings(top: Reader, found: GenreAnswers) -> None:
    before = len(top.faults)
    isrc = top.key("isrc", _ISRC_BYTES)
    if isrc is None:
        top.fault("isrc", "recordings without their ISRC", dict(top.value))
    names: dict[str, str] = {}
    for recording in _list(top, "recordings"):
        for credit in _list(recording, "artist-credit"):
            artist = credit.child("artist")
            mbid, name = (_mbid(artist), artist.text("name")) if artist else (None, None)
            if artist and mbid and name:
                names[mbid] = name
                _tags(artist, found)
    if isrc and len(top.faults) == before:
        found.isrcs[isrc] = names


def _list(thing: Reader, key: str) -> list[Reader]:
    """The objects of a list; none where it is absent, for the search leaves out the tags of who has none."""
    if key in thing.value and thing.value[key] is None:
        thing.fault(key, "expected a list, found null", None)
    return thing.children(key) or []


def _mbid(artist: Reader) -> str | None:
    """The artist's MBID. What has not its form would be refused in a search, together with all others."""
    mbid = artist.text("id")
    if mbid is None or not _MBID.fullmatch(mbid):
        artist.fault("id", "an artist without an MBID", artist.value.get("id"))
        return None
    return mbid
