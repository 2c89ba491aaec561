"""One HTTP request and its whole answer, within bounds of time and size. Knows nothing of Spotify's meaning.

`requests` bounds each read from the socket, not their sum: a server that drips a byte every few seconds would hold a
tick for hours. A watchdog shuts the socket down once the time is over.
"""

import json
import logging
import socket
import threading
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import NoReturn, Self, cast

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from spotify_assets.settings import is_loopback

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limits:
    """How long one exchange, and one call with its retries, may take, in seconds; and how large an answer may be."""

    connect: float = 5
    read: float = 30
    exchange: float = 60
    call: float = 180
    max_bytes: int = 20_000_000


@dataclass(frozen=True)
class Reply:
    """An answer that arrived whole. `headers` are case-insensitive; `body` is without content encoding."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json_object(self) -> dict[str, object] | None:
        """The body as a JSON object; None when it is anything else."""
        try:
            value = json.loads(self.body, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            return None
        return cast("dict[str, object]", value) if isinstance(value, dict) else None


class NoAnswer(Exception):
    """No whole answer arrived. The text says why in a few words, without addresses or secrets."""


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


class _Watchdog:
    """Shuts down the sockets of one exchange when its time is over."""

    def __init__(self, seconds: float) -> None:
        self.fired = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._fire)
        self._timer.daemon = True

    def guard(self, connected: socket.socket | None) -> None:
        with self._lock:
            if connected is not None:
                self._sockets.append(connected)
            if self.fired:
                self._shut_down()

    def _fire(self) -> None:
        with self._lock:
            self.fired = True
            self._shut_down()

    def _shut_down(self) -> None:
        for each in self._sockets:
            try:
                # Not the TLS socket's own method: that one drops the TLS state under the reader's feet.
                socket.socket.shutdown(each, socket.SHUT_RDWR)
            except OSError:
                log.debug("a socket had been closed before its time was over")

    def __enter__(self) -> Self:
        self._token = _watchdog.set(self)
        self._timer.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._timer.cancel()
        _watchdog.reset(self._token)
        with self._lock:
            self._sockets.clear()


_watchdog: ContextVar[_Watchdog | None] = ContextVar("watchdog", default=None)


def _guard(connected: socket.socket | None) -> None:
    watchdog = _watchdog.get()
    if watchdog:
        watchdog.guard(connected)


class _Connection(HTTPConnection):
    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        _guard(self.sock)
        return super().getresponse()


class _TlsConnection(HTTPSConnection):
    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        _guard(self.sock)
        return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """Connections that the watchdog can reach, directly or through a proxy."""

    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        super().init_poolmanager(*args, **kwargs)  # type: ignore[arg-type]
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}

    def proxy_manager_for(self, proxy: str, **kwargs: object) -> urllib3.ProxyManager:
        manager: urllib3.ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        return manager


class Bearer(AuthBase):
    """Sends an access token. Being an auth object, it keeps requests from putting ~/.netrc in its place."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class NoAuth(AuthBase):
    """Sends no Authorization header, and keeps requests from taking one out of ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def new_session(connections: int = 16) -> requests.Session:
    """A session for Spotify, usable from several threads: no cookies are kept, since all listeners share it."""
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["User-Agent"] = "spotify-assets"
    session.headers["Accept"] = "application/json"
    for scheme in ("http://", "https://"):
        session.mount(scheme, _Adapter(pool_connections=4, pool_maxsize=connections))
    return session


def exchange(
    session: requests.Session,
    method: str,
    url: str,
    *,
    auth: AuthBase,
    params: Mapping[str, str] | None = None,
    data: Mapping[str, str] | None = None,
    json: Mapping[str, object] | None = None,
    limits: Limits,
    seconds: float | None = None,
) -> Reply:
    """Sends one request and reads the whole answer. Redirects are not followed: they would carry the token along.

    `data` is sent as a form, `json` as JSON. `seconds` shortens the time for it. Raises `NoAnswer`, whose chain holds
    none of requests' errors: those carry the request with its Authorization header.
    """
    allowed = min(limits.exchange, seconds) if seconds is not None else limits.exchange
    problem = ""
    with _Watchdog(max(allowed, 0.001)) as watchdog:
        try:
            return _send(session, method, url, auth, params, data, json, limits)
        except requests.Timeout as error:
            problem = "no connection in time" if isinstance(error, requests.ConnectTimeout) else "time-out"
        except _TooLarge:
            problem = f"an answer of more than {limits.max_bytes:,} bytes"
        except requests.exceptions.SSLError:
            problem = "no trusted TLS connection"
        except (OSError, urllib3.exceptions.HTTPError) as error:
            problem = "time-out" if "timed out" in str(error) else "no connection, or it was cut"
    raise NoAnswer("time-out" if watchdog.fired else problem)


class _TooLarge(Exception):
    pass


def _send(
    session: requests.Session,
    method: str,
    url: str,
    auth: AuthBase,
    params: Mapping[str, str] | None,
    data: Mapping[str, str] | None,
    json: Mapping[str, object] | None,
    limits: Limits,
) -> Reply:
    # The simulator is never behind the proxy that the environment may name for the outside.
    proxies = {"no_proxy": "127.0.0.1,localhost,::1"} if is_loopback(url) else None
    with session.request(
        method,
        url,
        params=params,
        data=data,
        json=json,
        auth=auth,
        proxies=proxies,
        timeout=(limits.connect, limits.read),
        allow_redirects=False,
        stream=True,
    ) as response:
        body = bytearray()
        for chunk in response.iter_content(65536):
            body += chunk
            if len(body) > limits.max_bytes:
                raise _TooLarge
        return Reply(response.status_code, response.headers, bytes(body))
