"""MusicBrainz' web service (ws/2, JSON) as far as genres need it: addresses, artists, ISRCs, the list of genres.

What it knows is a share of the catalogue, `musicbrainz_hit_rate`: of the artists by their Spotify address, and of the
recordings of the others by their ISRC.
"""

import re
import time
from hashlib import blake2b
from uuid import UUID
from zlib import crc32

from starlette.responses import PlainTextResponse, Response

from spotify_assets.simulator.catalogue import Artist, Track
from spotify_assets.simulator.http import Call, Handler, json_response
from spotify_assets.simulator.names import GENRES
from spotify_assets.simulator.shapes import Json
from spotify_assets.simulator.world import World

ALL_GENRES = (*GENRES, "rock", "pop", "electronic", "house", "soul", "blues", "punk", "reggae")
# The real list has some 2,000 names, most of which few artists bear.
LISTED_GENRES = (
    *ALL_GENRES,
    *(f"{kind} {name}" for kind in ("experimental", "norse", "symphonic") for name in ALL_GENRES),
)
NO_GENRES = ("seen live", "female vocalists", "berlin", "favourites", "good with coffee")
ADDRESS = "https://open.spotify.com/artist/"
_HELP = "For usage, please see: https://musicbrainz.org/development/mmd"
_UNIDENTIFIED = (
    "Your requests are being throttled by MusicBrainz because the application you are using has not identified itself. "
    "Please update your application, and see http://musicbrainz.org/doc/XML_Web_Service/Rate_Limiting for more "
    "information."
)
_TOO_FAST = (
    "Your requests are exceeding the allowable rate limit. "
    "Please see http://wiki.musicbrainz.org/XMLWebService for more information."
)
_BUSY = "The MusicBrainz web server is currently busy. Please try again later."
_MOST_ADDRESSES, _MOST_FOUND, _USUALLY_FOUND = 100, 100, 25
# `Application/version ( contact-url-or-email )`. The real one refuses who has no name and throttles the anonymous; this
# one is strict, so that nobody forgets the contact.
_IDENTIFIED = re.compile(r"[^\s/]+/\S+ \( *[^\s()]+(://|@)[^\s()]+ *\)")
_MBID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}[0-9]{7}")


def guarded(handler: Handler) -> Handler:
    """A handler behind what MusicBrainz looks at first: who asks, how often, and whether it feels like answering."""

    def guard(world: World, call: Call) -> Response:
        agent = call.headers.get("user-agent", "")
        if not _IDENTIFIED.fullmatch(agent):
            return json_response({"error": _UNIDENTIFIED}, 403, {"x-ratelimit-who": "ua-missing"})
        gate = world.musicbrainz
        gate.calls += 1
        now, before, gate.last_call = time.monotonic(), gate.last_call, time.monotonic()
        if world.config.musicbrainz_rate_limit and now - before < 1:
            told = {"x-ratelimit-zone": "ws ip=127.0.0.1", "x-ratelimit-remaining": "0", "retry-after": "1"}
            return json_response({"error": _TOO_FAST}, 503, told)
        if _chance(world, "busy", gate.calls) < world.config.musicbrainz_busy:
            return json_response({"error": _BUSY}, 503, {"x-ratelimit-zone": "global", "retry-after": "0"})
        return handler(world, call)

    return guard


def genres(_world: World, call: Call) -> Response:
    """`GET /genre/all`: every name in one text, or the first 25 as JSON."""
    names = sorted(LISTED_GENRES)
    if call.query.get("fmt") == "txt":
        return PlainTextResponse("".join(f"{name}\n" for name in names))
    listed = [{"id": _uuid(name), "name": name} for name in names[:25]]
    return json_response({"genre-count": len(names), "genre-offset": 0, "genres": listed})


def urls(world: World, call: Call) -> Response:
    """`GET /url?resource=…`: one address gives an object or 404, several a list without the unknown ones."""
    if any(not inc.endswith("-rels") for inc in call.query.get("inc", "").split(" ") if inc):
        return _error(400, "inc is not a valid inc parameter for the url resource.")
    asked = [value for name, value in call.pairs if name == "resource"]
    found = {url: _url(world, url) for url in asked[:_MOST_ADDRESSES]}
    known = sorted((body for body in found.values() if body), key=lambda body: str(body["id"]))
    if len(asked) == 1:
        return json_response(known[0]) if known else _error(404, "Not Found")
    return json_response({"url-count": len(known), "url-offset": 0, "urls": known})


def search(world: World, call: Call) -> Response:
    """`GET /artist?query=arid:(A OR B …)`: tags, never genres, in the order of a score."""
    asked = re.fullmatch(r"arid:\((.+)\)", call.query.get("query", ""))
    if not asked:
        return _error(400, "The given parameters do not match any available query type for the artist resource.")
    mbids = asked[1].split(" OR ")
    if not all(map(_MBID.fullmatch, mbids)):
        return _error(400, "Invalid UUID.")  # one that has not the form fails the whole query
    limit = int(call.query.get("limit", _USUALLY_FOUND))
    limit = limit if 1 <= limit <= _MOST_FOUND else _USUALLY_FOUND
    found = [artist for artist in (_artist_of(world, mbid) for mbid in mbids) if artist]
    bodies = [{"score": 100, **_artist(world, artist)} | _tags(world, artist) for artist in found]
    bodies.sort(key=lambda body: crc32(str(body["id"]).encode()))
    created = world.clock.now().isoformat(timespec="milliseconds")
    return json_response({"created": created, "count": len(bodies), "offset": 0, "artists": bodies[:limit]})


def artist(world: World, call: Call) -> Response:
    """`GET /artist/{mbid}`: one artist, with tags when asked for."""
    mbid = call.path_params["mbid"]
    if not _MBID.fullmatch(mbid):
        return _error(400, "Invalid mbid.")
    found = _artist_of(world, mbid)
    if found is None:
        return _error(404, "Not Found")
    return json_response(_artist(world, found) | (_tags(world, found) if "tags" in call.query.get("inc", "") else {}))


def isrc(world: World, call: Call) -> Response:
    """`GET /isrc/{ISRC}`: its recordings; with tags on each of their artists when asked for."""
    asked = call.path_params["isrc"]
    if not _ISRC.fullmatch(asked):
        return _error(400, "Invalid isrc.")
    if "genres" in call.query.get("inc", ""):
        return _error(400, "genres is not a valid inc parameter for the isrc resource.")
    track = world.catalogue.find_isrc(asked)
    if track is None or _chance(world, "isrc", asked) >= world.config.musicbrainz_hit_rate:
        return _error(404, "Not Found")
    return json_response({"isrc": asked, "recordings": [_recording(world, track)]})


def not_found(_world: World, _call: Call) -> Response:
    return _error(404, "Not Found")


ROUTES: dict[str, Handler] = {
    "/genre/all": guarded(genres),
    "/url": guarded(urls),
    "/artist": guarded(search),
    "/artist/{mbid}": guarded(artist),
    "/isrc/{isrc}": guarded(isrc),
    "/{rest:path}": guarded(not_found),
}


def true_genres(world: World, artist: Artist) -> dict[str, int]:
    """The artist's genres there, with their votes: at least one."""
    number = 1 + crc32(f"{artist.id}|genres".encode()) % 4
    ranked = sorted(ALL_GENRES, key=lambda name: crc32(f"{world.config.seed}|{artist.id}|{name}".encode()))
    return {name: 1 + crc32(f"{artist.id}|votes|{name}".encode()) % 25 for name in ranked[:number]}


def _url(world: World, url: str) -> Json | None:
    artist = world.catalogue.find_artist(url.removeprefix(ADDRESS)) if url.startswith(ADDRESS) else None
    if artist is None or _chance(world, "address", artist.id) >= world.config.musicbrainz_hit_rate:
        return None
    relation: Json = {
        "type": "free streaming",
        "type-id": "769085a1-c2f7-4c24-a532-2375a77693bd",
        "direction": "backward",
        "target-type": "artist",
        "artist": _artist(world, artist),
        "begin": None,
        "end": None,
        "ended": False,
        "attributes": [],
        "attribute-ids": {},
        "attribute-values": {},
        "source-credit": "",
        "target-credit": "",
    }
    former: Json = relation | {"ended": True, "end": "2019", "artist": _artist(world, world.catalogue.artist(0))}
    relations = [former, relation] if _chance(world, "former", artist.id) < 0.02 else [relation]
    return {"id": _uuid(url), "resource": url, "relations": relations}


def _artist(world: World, artist: Artist) -> Json:
    return {
        "id": mbid_of(world, artist),
        "name": artist.name,
        "sort-name": artist.name,
        "disambiguation": "",
        "country": None,
        "type": "Group",
        "type-id": "e431f5f6-b5d2-343d-8b36-72607fffb74b",
    }


def _tags(world: World, artist: Artist) -> Json:
    """Genres and other tags, unsorted, some with no or less than no votes."""
    counts = {name: 1 + crc32(f"{artist.id}|{name}".encode()) % 9 - 2 for name in NO_GENRES[: artist.popularity % 5]}
    counts |= true_genres(world, artist)
    return {"tags": [{"count": counts[name], "name": name} for name in sorted(counts, key=lambda name: name[::-1])]}


def _recording(world: World, track: Track) -> Json:
    performers = [track.artist] if track.featuring is None else [track.artist, track.featuring]
    artists = [world.catalogue.artist(number) for number in performers]
    credited = [
        {"name": artist.name, "joinphrase": "", "artist": _artist(world, artist) | _tags(world, artist)}
        for artist in artists
    ]
    return {
        "id": _uuid(track.isrc),
        "title": track.name,
        "disambiguation": "",
        "length": track.duration_ms,
        "video": False,
        "artist-credit": credited,
        "tags": [],
    }


def mbid_of(world: World, artist: Artist) -> str:
    """An MBID that can be read back: the artist's number, and digits that prove it."""
    return str(UUID(f"{artist.number:08x}{_proof(world, artist.number)}"))


def _artist_of(world: World, mbid: str) -> Artist | None:
    digits = mbid.replace("-", "")
    number = int(digits[:8], 16)
    return world.catalogue.artist(number) if digits[8:] == _proof(world, number) else None


def _proof(world: World, number: int) -> str:
    return _uuid(f"{world.config.seed}|mbid|{number}").replace("-", "")[8:]


def _uuid(text: str) -> str:
    return str(UUID(blake2b(text.encode(), digest_size=16).hexdigest()))


def _chance(world: World, *what: object) -> float:
    return crc32("|".join(map(str, (world.config.seed, "musicbrainz", *what))).encode()) / (1 << 32)


def _error(status: int, message: str) -> Response:
    return json_response({"error": message, "help": _HELP}, status)
