"""Playlists in the three shapes of 2026: `items` and `item` (new Development Mode), `tracks` and `track` (legacy), and
both names at both levels, as a capture of a full-field app showed in March 2026 (Extended)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from random import Random
from urllib.parse import urlencode

from starlette.responses import Response

from spotify_assets.simulator.accounts import Account
from spotify_assets.simulator.api import FORBIDDEN, NOT_FOUND, number, spotify_id
from spotify_assets.simulator.catalogue import PLAYLIST, Catalogue, Track
from spotify_assets.simulator.config import Tier
from spotify_assets.simulator.http import Call, SpotifyError, json_response
from spotify_assets.simulator.names import playlist_name
from spotify_assets.simulator.shapes import Json, reference
from spotify_assets.simulator.tokens import AccessToken
from spotify_assets.simulator.world import World

TOP_50_GLOBAL = "37i9dQZEVXbMDoHDwVN2tF"


@dataclass(frozen=True)
class Playlist:
    """A playlist; `owner` None is Spotify itself."""

    id: str
    name: str
    owner: Account | None
    is_public: bool
    tracks: tuple[Track, ...]
    added_at: datetime


def playlists_of(world: World) -> list[Playlist]:
    """Two playlists of each listener, a public and a private one, and Spotify's own Top 50."""
    found = [_top_50(world)]
    for place, account in enumerate(world.accounts.values()):
        found += [_own(world.catalogue, account, place, which) for which in (0, 1)]
    return found


def playlist(world: World, call: Call, token: AccessToken) -> Response:
    """`GET /playlists/{id}`: metadata for everybody, the contents as the tier allows."""
    found = _find(world, call, token)
    tier = world.config.tier
    body = _metadata(found)
    if tier != "new_dev" or _is_own(found, token):
        contents = _page(world, found, call.base_url, offset=0, limit=100)
        body |= dict.fromkeys(_NAMES[tier][0], contents)
    return json_response(body)


def items(world: World, call: Call, token: AccessToken) -> Response:
    """`GET /playlists/{id}/items`: in new Development Mode only the listener's own lists."""
    found = _find(world, call, token)
    if world.config.tier == "new_dev" and not _is_own(found, token):
        raise SpotifyError(403, FORBIDDEN)
    return _rows(world, call, found, most=50)


def tracks(world: World, call: Call, token: AccessToken) -> Response:
    """`GET /playlists/{id}/tracks`: gone in new Development Mode, even for own lists."""
    if world.config.tier == "new_dev":
        raise SpotifyError(403, FORBIDDEN)
    return _rows(world, call, _find(world, call, token), most=100)


_NAMES: dict[Tier, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "new_dev": (("items",), ("item",)),
    "legacy_dev": (("tracks",), ("track",)),
    "extended": (("tracks", "items"), ("track", "item")),
}
"""What each tier calls the contents of a playlist, and the thing in a row."""


def _own(catalogue: Catalogue, account: Account, place: int, which: int) -> Playlist:
    rng = Random(f"{catalogue.seed}|playlist|{account.user}|{which}")  # noqa: S311 - made-up data
    chosen = [catalogue.artist(int(300 * rng.random() ** 2)) for _ in range(rng.randint(12, 70))]
    return Playlist(
        id=catalogue.ids.encode(PLAYLIST, (place << 8) | which),
        name=playlist_name(rng),
        owner=account,
        is_public=which == 0,
        tracks=tuple(rng.choice(artist.albums[0].tracks) for artist in chosen),
        added_at=datetime(2021, 3, 1, 18, 30, tzinfo=UTC) + timedelta(days=rng.randrange(900)),
    )


def _top_50(world: World) -> Playlist:
    """The newest chart of the world."""
    now = world.clock.now()
    chart = world.charts.newest(now)
    tracks, since = (chart.tracks[:50], chart.published_at) if chart else ((), now)
    return Playlist(TOP_50_GLOBAL, "Top 50 - Global", None, is_public=True, tracks=tracks, added_at=since)


def _find(world: World, call: Call, token: AccessToken) -> Playlist:
    wanted = spotify_id(call.path_params["id"])
    found = next((each for each in playlists_of(world) if each.id == wanted), None)
    if found is None or (found.owner is None and world.config.tier != "extended"):
        raise SpotifyError(404, NOT_FOUND)
    if not found.is_public and not _is_own(found, token):
        raise SpotifyError(404, NOT_FOUND)
    if not found.is_public and "playlist-read-private" not in token.scope.split():
        raise SpotifyError(403, "Insufficient client scope")
    return found


def _is_own(found: Playlist, token: AccessToken) -> bool:
    return found.owner is not None and found.owner.user == token.user


def _rows(world: World, call: Call, found: Playlist, *, most: int) -> Response:
    limit = number(call, "limit") if "limit" in call.query else most
    offset = number(call, "offset") if "offset" in call.query else 0
    if not 1 <= limit <= most:
        raise SpotifyError(400, "Invalid limit")
    return json_response(_page(world, found, call.base_url, offset=max(0, offset), limit=limit))


def _page(world: World, found: Playlist, base_url: str, *, offset: int, limit: int) -> Json:
    last = "tracks" if world.config.tier == "legacy_dev" else "items"
    url = f"{base_url}/v1/playlists/{found.id}/{last}"

    def address(start: int) -> str:
        return f"{url}?{urlencode({'offset': start, 'limit': limit})}"

    has_more = offset + limit < len(found.tracks)
    return {
        "href": address(offset),
        "items": [_row(world, found, track) for track in found.tracks[offset : offset + limit]],
        "limit": limit,
        "next": address(offset + limit) if has_more else None,
        "offset": offset,
        "previous": address(max(0, offset - limit)) if offset else None,
        "total": len(found.tracks),
    }


def _row(world: World, found: Playlist, track: Track) -> Json:
    thing = dict(world.shapes.track(track))
    if world.config.tier == "extended":
        thing |= {"episode": False, "track": True}
    added_by = _user(found.owner)
    return {
        "added_at": found.added_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "added_by": added_by,
        "is_local": False,
        "primary_color": None,
        **dict.fromkeys(_NAMES[world.config.tier][1], thing),
        "video_thumbnail": {"url": None},
    }


def _metadata(found: Playlist) -> Json:
    owner = _user(found.owner) | {"display_name": found.owner.display_name if found.owner else "Spotify"}
    version = f"{found.added_at.isoformat()}|{[track.id for track in found.tracks]}"
    return reference("playlist", found.id) | {
        "collaborative": False,
        "description": "",
        "followers": {"href": None, "total": 0 if found.owner else 17_345_010},
        "images": [],
        "name": found.name,
        "owner": owner,
        "primary_color": None,
        "public": found.is_public,
        "snapshot_id": blake2b(version.encode(), digest_size=16).hexdigest(),
    }


def _user(owner: Account | None) -> Json:
    return reference("user", owner.spotify_id if owner else "spotify")
