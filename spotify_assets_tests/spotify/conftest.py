"""Servers that stand for Spotify here: a scripted one, and raw sockets for what no well-behaved server does."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest
from pytest_httpserver import HTTPServer

from spotify_assets.clock import FixedClock
from spotify_assets.spotify.client import SpotifyClient
from spotify_assets.spotify.exchange import Limits, new_session
from spotify_assets.spotify.outcomes import Blocked

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
TOKEN = "canary-access-token"
SHORT = Limits(connect=2, read=0.4, exchange=1.0, call=100, max_bytes=100_000)


class OpenGate:
    """Lets every call through, for tests of what a client does by itself."""

    def call(self) -> AbstractContextManager[None]:
        return nullcontext()

    def may_retry(self) -> bool:
        return True

    def told_to_wait(self, limit: Blocked) -> None:
        """Nobody else is told."""


@dataclass
class Caller:
    """A client with a script of tokens; `slept` are the waits it asked for, `rejected` what it called `token` with."""

    client: SpotifyClient
    slept: list[float] = field(default_factory=list)
    rejected: list[str | None] = field(default_factory=list)


def caller(api_url: str, limits: Limits = SHORT, user_id: str | None = "anna") -> Caller:
    slept: list[float] = []
    rejected: list[str | None] = []

    def token(refused: str | None) -> str:
        rejected.append(refused)
        return TOKEN if refused is None else f"{TOKEN}-2"

    client = SpotifyClient(
        session=new_session(),
        api_url=api_url,
        token=token,
        clock=FixedClock(NOW),
        gate=OpenGate(),
        sleep=slept.append,
        user_id=user_id,
        jitter=lambda: 0.5,
        limits=limits,
    )
    return Caller(client, slept, rejected)


@pytest.fixture
def spotify(httpserver: HTTPServer) -> tuple[HTTPServer, Caller]:
    """A scripted Web API, and a client for it."""
    return httpserver, caller(httpserver.url_for("/v1"))


class RawServer:
    """Accepts connections and lets `serve` do to each what it likes, after the request's head was read."""

    def __init__(self, serve: Callable[[socket.socket], None]) -> None:
        self.connections = 0
        self._serve = serve
        self._stopped = threading.Event()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        with connection:
            received = b""
            while b"\r\n\r\n" not in received:
                chunk = connection.recv(65536)
                if not chunk:
                    return
                received += chunk
            try:
                self._serve(connection)
            except OSError:
                return

    def stop(self) -> None:
        self._stopped.set()
        # close() alone would leave accept() waiting.
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)


@pytest.fixture
def raw_server() -> Iterator[Callable[[Callable[[socket.socket], None]], RawServer]]:
    """Starts servers that misbehave as told."""
    servers: list[RawServer] = []

    def start(serve: Callable[[socket.socket], None]) -> RawServer:
        servers.append(RawServer(serve))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


def drip(connection: socket.socket, data: bytes, pause: float = 0.1) -> None:
    """Sends one byte after the other, each well within the time allowed for one read."""
    for byte in data:
        connection.sendall(bytes([byte]))
        time.sleep(pause)


class Accounts:
    """A token endpoint whose refresh tokens are good for one use, like Spotify's for apps without a secret."""

    def __init__(self, *, rotating: bool = True) -> None:
        self.rotating = rotating
        self.valid = {"refresh-0"}
        self.refreshes = 0
        self.refused = 0
        self.delay = 0.0
        self.override: tuple[int, bytes] | None = None
        self.before_answer: Callable[[], None] | None = None
        self._lock = threading.Lock()
        accounts = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                status, body = accounts.answer(form["refresh_token"][0])
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, refresh_token: str) -> tuple[int, bytes]:
        if self.override:
            return self.override
        with self._lock:
            if refresh_token not in self.valid:
                self.refused += 1
                return 400, b'{"error":"invalid_grant","error_description":"Refresh token revoked"}'
            self.refreshes += 1
            number = self.refreshes
            answer: dict[str, object] = {"access_token": f"access-{number}", "token_type": "Bearer", "expires_in": 3600}
            if self.rotating:
                self.valid = {f"refresh-{number}"}
                answer["refresh_token"] = f"refresh-{number}"
        hook, self.before_answer = self.before_answer, None
        if hook:
            hook()
        time.sleep(self.delay)
        return 200, json.dumps(answer).encode()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def accounts() -> Iterator[Accounts]:
    """A token endpoint that knows `refresh-0` and rotates."""
    server = Accounts()
    yield server
    server.stop()
