"""The page on this machine to which Spotify sends the browser back: a server for one answer."""

import socket
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, Queue
from threading import Event, Lock, Thread
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from spotify_assets.spotify.consent import Consent
from spotify_assets.spotify.oauth import SpotifyApp
from spotify_assets.spotify.outcomes import LoginRefused

# An opened connection without a request, which browsers make ahead of need, keeps a thread for this long.
IDLE_SECONDS = 5
# Exchanging the code and asking for the account take a few seconds; with all retries, minutes.
ANSWER_SECONDS = 600

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
  body {{ font: 1.1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 20vh auto; padding: 0 1.5rem; }}
</style>
<h1>{title}</h1>
<p>{text}</p>
</html>
"""
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Connection": "close",
}


@dataclass
class Arrival:
    """The browser, back from Spotify with this query. It waits for what `answer` shows it."""

    query: str = field(repr=False)
    _page: "Queue[tuple[int, str, str]]" = field(default_factory=Queue, repr=False)
    shown: Event = field(default_factory=Event, repr=False)

    def answer(self, status: int, title: str, text: str) -> None:
        """Shows the person a page; returns once it is sent."""
        self._page.put((status, title, text))
        self.shown.wait(IDLE_SECONDS)

    def page(self) -> tuple[int, str, str]:
        """What to show, once that is known."""
        return self._page.get(timeout=ANSWER_SECONDS)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    # A second login at the same port must fail and not share it.
    allow_reuse_port = False

    def __init__(self, host: str, port: int, path: str) -> None:
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.path = path
        self.consent: Consent | None = None
        self.arrivals: Queue[Arrival] = Queue()
        self._lock = Lock()
        self._is_taken = False
        super().__init__((host, port), _Handler)

    def take(self) -> bool:
        """True for the first caller only: a page that is loaded again brings the same code."""
        with self._lock:
            is_first, self._is_taken = not self._is_taken, True
        return is_first


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        parts, consent = urlsplit(self.path), self.server.consent
        if parts.path != self.server.path or consent is None:
            self._show(404, "Nothing here", "This address is for Spotify's answer to a login only.")
        elif not consent.is_answer(parts.query):
            text = (
                "This is not the answer to the login that is waiting here. Go back to Spotify's page and agree there."
            )
            self._show(400, "Another login's answer", text)
        elif not self.server.take():
            self._show(400, "Answered already", "See the terminal for how the login ended.")
        else:
            self._arrive(Arrival(parts.query))

    def _arrive(self, arrival: Arrival) -> None:
        self.server.arrivals.put(arrival)
        try:
            self._show(*arrival.page())
        finally:
            arrival.shown.set()

    def _show(self, status: int, title: str, text: str) -> None:
        body = _PAGE.format(title=escape(title), text=escape(text)).encode()
        self.send_response(status)
        for name, value in (_HEADERS | {"Content-Length": str(len(body))}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing: the request's line holds the code."""


class Callback:
    """Listens at a redirect URI on this machine, at its port or, where it names none, at a free one.

    `consent` is what to ask for; its answer is waited for from the start of the `with` block on.
    """

    def __init__(self, app: SpotifyApp, user_id: str, redirect_uri: str) -> None:
        """Raises `LoginRefused` when the port can't be had."""
        parts = urlsplit(redirect_uri)
        host = parts.hostname or ""
        problem = ""
        try:
            self._server = _Server(host, parts.port or 0, parts.path or "/")
        except OSError as error:
            problem = error.strerror or "no reason given"
        if problem:
            raise LoginRefused(
                f"Nothing can listen at {redirect_uri} ({problem}): end the program that does, or use --no-browser."
            )
        name = f"[{host}]" if ":" in host else host
        ours = parts._replace(netloc=f"{name}:{self._server.server_port}").geturl()
        self.consent = self._server.consent = Consent.to_ask(app, user_id, ours, registered=redirect_uri)

    def wait(self, seconds: float) -> Arrival:
        """The browser's return with the consent's state; other visitors are sent away meanwhile.

        Raises `LoginRefused` when nobody comes in time.
        """
        try:
            return self._server.arrivals.get(timeout=seconds)
        except Empty:
            pass
        raise LoginRefused(
            f"No consent came within {seconds / 60:.0f} minutes, so nothing is stored for {self.consent.user_id}: run "
            f"`spotify-assets login {self.consent.user_id}` again; if Spotify showed an error about the redirect URI, "
            f"first add exactly {self.consent.registered} to the app's settings."
        )

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
