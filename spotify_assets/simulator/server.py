"""The simulator as a server on this machine: in a thread of a test, or as a process of its own."""

import socket
from threading import Thread
from types import TracebackType
from typing import Self

import uvicorn
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from spotify_assets.simulator import api, deezer, kworb, musicbrainz, playlists, slack
from spotify_assets.simulator.admin import Admin, BadCall, explain
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.http import Call, Handler, endpoint, json_response
from spotify_assets.simulator.oauth import Refused
from spotify_assets.simulator.world import World

_API: dict[str, Handler] = {
    "/me": api.guarded(api.me),
    "/me/player/recently-played": api.guarded(api.recently_played),
    "/tracks/{id}": api.guarded(api.track),
    "/tracks": api.guarded(api.tracks),
    "/artists/{id}": api.guarded(api.artist),
    "/artists": api.guarded(api.artists),
    "/albums/{id}": api.guarded(api.album),
    "/albums": api.guarded(api.albums),
    "/playlists/{id}": api.guarded(playlists.playlist),
    "/playlists/{id}/items": api.guarded(playlists.items),
    "/playlists/{id}/tracks": api.guarded(playlists.tracks),
    "/audio-features": api.guarded(api.audio_features),
    "/audio-features/{id}": api.guarded(api.audio_features),
    "/recommendations": api.guarded(api.recommendations),
    "/{rest:path}": api.unknown,
}


def _authorize(world: World, call: Call) -> Response:
    try:
        return RedirectResponse(world.oauth.authorize(call.query), 303)
    except Refused as refused:
        return PlainTextResponse(refused.error, 400)


def _token(world: World, call: Call) -> Response:
    try:
        answer, _ = world.oauth.token(call.form, call.headers.get("authorization"))
    except Refused as refused:
        return json_response(refused.body(), 400)
    return json_response(answer)


_OUTSIDE: dict[str, Handler] = {
    "/kworb/spotify/country/global_daily.html": kworb.global_daily,
    "/deezer/playlist/{id}/tracks": deezer.playlist_tracks,
    **{f"/musicbrainz{path}": handler for path, handler in musicbrainz.ROUTES.items()},
}


def make_app(world: World) -> Starlette:
    """The ASGI application of one world."""
    routes = [
        *Admin(world).routes(),
        Route("/authorize", endpoint(world, _authorize)),
        Route("/api/token", endpoint(world, _token), methods=["POST"]),
        *(
            Route(f"/v1{path}{slash}", endpoint(world, handler))
            for path, handler in _API.items()
            for slash in ("", "/")  # Spotify takes both, and spotipy asks for `/v1/me/`
        ),
        *(Route(path, endpoint(world, handler)) for path, handler in _OUTSIDE.items()),
        *(Route(f"/slack{path}", endpoint(world, handler), methods=["POST"]) for path, handler in slack.ROUTES.items()),
    ]
    return Starlette(routes=routes, exception_handlers={ValidationError: explain, BadCall: explain})


class SimulatorServer:
    """Runs a simulator in a thread for as long as the `with` block lasts.

    The port is open as soon as the object exists; requests are answered from the start of the block on.
    """

    def __init__(self, config: SimulatorConfig | None = None) -> None:
        config = config or SimulatorConfig()
        self.world = World(config)
        self._socket = socket.create_server((config.host, config.port), backlog=512)
        self.url = f"http://{config.host}:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(
            uvicorn.Config(
                make_app(self.world), log_config=None, log_level="error", access_log=False, lifespan="off", ws="none"
            )
        )
        self._thread = Thread(target=self._server.run, args=([self._socket],), name="simulator", daemon=True)

    @property
    def api_url(self) -> str:
        """For `SPOTIFY_API_URL`."""
        return f"{self.url}/v1"

    @property
    def accounts_url(self) -> str:
        """For `SPOTIFY_ACCOUNTS_URL`."""
        return self.url

    @property
    def outside(self) -> dict[str, str]:
        """The environment that makes this the charts' sources and MusicBrainz too."""
        return {
            "KWORB_URL": f"{self.url}/kworb",
            "DEEZER_URL": f"{self.url}/deezer",
            "MUSICBRAINZ_URL": f"{self.url}/musicbrainz",
            "MUSICBRAINZ_CONTACT": "somebody@example.org",
        }

    @property
    def slack(self) -> dict[str, str]:
        """The environment that makes this the Slack to which alerts go, by a bot."""
        return {
            "SLACK_API_URL": f"{self.url}/slack/api",
            "SLACK_BOT_TOKEN": slack.BOT_TOKEN,
            "SLACK_CHANNEL": slack.CHANNEL,
        }

    @property
    def slack_webhook_url(self) -> str:
        """For `SLACK_WEBHOOK_URL`."""
        return f"{self.url}/slack{slack.WEBHOOK}"

    @property
    def clock_url(self) -> str:
        """For `SPOTIFY_ASSETS_CLOCK`."""
        return f"{self.url}/_sim/clock"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(timeout=10)
        self._socket.close()
