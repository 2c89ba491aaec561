"""Deezer's public API: the worldwide playlist and its tracks. Errors are answers with status 200."""

from zlib import crc32

from starlette.responses import Response

from spotify_assets.simulator.catalogue import Track
from spotify_assets.simulator.http import Call, json_response
from spotify_assets.simulator.shapes import Json
from spotify_assets.simulator.world import World

WORLDWIDE = "3155776842"
_NO_DATA = {"error": {"type": "DataException", "message": "no data", "code": 800}}
# https://developers.deezer.com/api/errors
_OVER_QUOTA = {"error": {"type": "Exception", "message": "Quota limit exceeded", "code": 4}}


def playlist_tracks(world: World, call: Call) -> Response:
    """`GET /playlist/{id}/tracks`: what Deezer's own people play, which is another chart than Spotify's."""
    if world.config.deezer_over_quota:
        return json_response(_OVER_QUOTA)
    chart = world.charts.newest(world.clock.now())
    if call.path_params["id"] != WORLDWIDE or chart is None:
        return json_response(_NO_DATA)
    limit = int(call.query.get("limit", "25"))
    ranked = sorted(enumerate(chart.tracks), key=lambda place: place[0] + crc32(place[1].id.encode()) % 12)
    tracks = [track for _, track in ranked[:100]]
    return json_response({"data": [_track(world, track) for track in tracks[:limit]], "total": len(tracks)})


def _track(world: World, track: Track) -> Json:
    artist, album = world.catalogue.artist(track.artist), world.catalogue.album(track.artist, track.album)
    return {
        "id": crc32(track.id.encode()),
        "readable": True,
        "title": track.name,
        "title_short": track.name,
        "title_version": "",
        "link": f"https://www.deezer.com/track/{crc32(track.id.encode())}",
        "duration": track.duration_ms // 1000,
        "rank": 1_000_000 - 5_000 * (100 - track.popularity),
        "explicit_lyrics": track.explicit,
        "artist": {"id": crc32(artist.id.encode()), "name": artist.name, "type": "artist"},
        "album": {"id": crc32(album.id.encode()), "title": album.name, "type": "album"},
        "type": "track",
    }
