"""No token, code or secret shows up in any error, its whole chain, any repr or any log line, whatever Spotify sends."""

import json
import logging
import socket
import traceback
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from spotify_assets.clock import FixedClock
from spotify_assets.errors import UserError
from spotify_assets.settings import Settings
from spotify_assets.spotify import stored
from spotify_assets.spotify.exchange import Bearer, Reply
from spotify_assets.spotify.models import Profile, TokenAnswer
from spotify_assets.spotify.oauth import SpotifyApp
from spotify_assets.spotify.tokens import TokenStore
from spotify_assets.storage.embedded import EmbeddedPostgres
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.spotify.conftest import NOW, SHORT, TOKEN, RawServer, caller
from spotify_assets_tests.spotify.test_tokens import API, cut, store

CANARY = "canary"
REFRESH, CODE, VERIFIER, SECRET = (f"{CANARY}-{name}-0123456789" for name in ("refresh", "code", "verifier", "secret"))
STATUSES = [200, 204, 302, 400, 401, 403, 404, 429, 500, 503]


def chain(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it, suppressed or not."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [each.__cause__, each.__context__]


def shown(error: BaseException) -> str:
    parts = ["".join(traceback.format_exception(error))]
    for each in chain(error):
        # An error of requests carries the request, and that its Authorization header.
        assert not hasattr(each, "request")
        parts += [str(each), repr(each), repr(each.args), repr(vars(each))]
    return "\n".join(parts)


def told_by(act: Callable[[], object]) -> str:
    with pytest.raises(UserError) as caught:
        act()
    return shown(caught.value)


@pytest.fixture(autouse=True)
def everything_is_logged_and_clean(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    # Werkzeug and the scripted server belong to the tests.
    ours = [record for record in caplog.records if not record.name.startswith(("werkzeug", "pytest_httpserver"))]
    assert all(CANARY not in record.getMessage() and CANARY not in str(record.exc_info) for record in ours)


def echoing(status: int) -> Callable[[Request], Response]:
    """Answers with all that was sent, as if a proxy or a debug page did, in every shape an error can have."""

    def handle(request: Request) -> Response:
        sent = f"{request.headers.get('Authorization')} {request.get_data(as_text=True)}"
        values = " ".join([*request.form.values(), sent])
        body = {"error": {"status": status, "message": values}, "error_description": values}
        if request.path == "/api/token":
            body["error"] = "invalid_grant" if status == 400 else values
        return Response(json.dumps(body), status, {"Location": f"/?{CANARY}", "Retry-After": CANARY})

    return handle


@pytest.mark.parametrize("status", STATUSES)
def test_the_web_api_may_echo_what_it_likes(httpserver: HTTPServer, status: int) -> None:
    httpserver.expect_request("/v1/me").respond_with_handler(echoing(status))
    client = caller(httpserver.url_for("/v1")).client
    assert CANARY not in told_by(client.me)
    assert CANARY not in repr(client)


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("secret", [SECRET, None])
def test_the_token_endpoint_may_echo_what_it_likes(httpserver: HTTPServer, status: int, secret: str | None) -> None:
    httpserver.expect_request("/api/token").respond_with_handler(echoing(status))
    app = app_at(httpserver.url_for("").rstrip("/"), secret)
    told = told_by(lambda: app.refresh(REFRESH))
    assert CANARY not in told
    assert b64encode(f"app:{SECRET}".encode()).decode() not in told
    assert CANARY not in told_by(lambda: app.exchange_code(CODE, "http://127.0.0.1:1/c", VERIFIER))
    assert CANARY not in repr(app)


def app_at(accounts_url: str, secret: str | None = SECRET) -> SpotifyApp:
    return SpotifyApp("app", SecretStr(secret) if secret else None, accounts_url, API, limits=SHORT)


def unreachable() -> str:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return f"http://127.0.0.1:{taken.getsockname()[1]}"


def test_no_error_of_the_network_carries_the_request(raw_server: Callable[..., RawServer]) -> None:
    cut_off = raw_server(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{")).url
    nonsense = raw_server(lambda connection: connection.sendall(b"220 smtp ready\r\n")).url
    for url in (unreachable(), cut_off, nonsense, "http://no-such-host.invalid", "https://127.0.0.1:1"):
        assert CANARY not in told_by(caller(f"{url}/v1").client.me)
        assert CANARY not in told_by(lambda url=url: app_at(url).refresh(REFRESH))  # type: ignore[misc]


def test_a_token_that_can_not_be_sent_is_not_shown(httpserver: HTTPServer) -> None:
    for bad in (f"{CANARY}\r\nX: y", f"{CANARY} ü", f"{CANARY}\u20ac"):
        httpserver.clear()
        httpserver.expect_request("/api/token").respond_with_json({"access_token": bad, "refresh_token": REFRESH})
        told = told_by(lambda: app_at(httpserver.url_for("").rstrip("/")).refresh(REFRESH))
        assert CANARY not in told


def test_no_repr_shows_a_secret(warehouse: Warehouse) -> None:
    logins = store(warehouse)
    answer = TokenAnswer.model_validate(
        {"access_token": TOKEN, "refresh_token": REFRESH, "id_token": CANARY, "scope": "s"}
    )
    logins.save_login("anna", answer, NOW, Profile(id="x"), "UTC", API)
    with warehouse.connect() as connection:
        login = stored.read_login(connection, "anna")
    assert login is not None
    things = [
        answer,
        answer.model_dump(),
        app_at("http://127.0.0.1:1"),
        logins,
        login,
        stored.Renewed(
            login,
            CANARY.encode(),
            CANARY.encode(),
            is_rotated=True,
            access_expires_at=NOW,
            refreshed_at=NOW,
            scope=None,
        ),
        Bearer(TOKEN),
        Reply(200, {"Set-Cookie": CANARY}, CANARY.encode()),
        caller("http://127.0.0.1:1").client,
        logins.listeners(API),
    ]
    assert CANARY not in repr(things)
    assert CANARY not in "".join(map(str, things))


def test_no_error_of_the_token_store_shows_a_token(
    warehouse: Warehouse, postgres_server: EmbeddedPostgres, httpserver: HTTPServer
) -> None:
    logins = store(warehouse)
    httpserver.expect_request("/api/token").respond_with_handler(echoing(400))
    app = app_at(httpserver.url_for("").rstrip("/"))
    answer = TokenAnswer(access_token=SecretStr(TOKEN), refresh_token=SecretStr(REFRESH), expires_in=0)
    logins.save_login("anna", answer, NOW, Profile(id="x"), "UTC", API)
    told = [
        told_by(lambda: logins.save_login("bert", answer, NOW, Profile(id="x"), "UTC", API)),
        told_by(lambda: logins.save_login("Bert", answer, NOW, Profile(id="y"), "UTC", API)),
        told_by(lambda: logins.access_token("anna", replace(app, accounts_url=unreachable()))),
        told_by(lambda: logins.access_token("anna", app)),
        told_by(lambda: logins.access_token("anna", app)),
        told_by(lambda: store(Warehouse(f"{warehouse.dsn}-gone")).access_token("anna", app)),
    ]
    assert CANARY not in "".join(told)
    assert CANARY not in repr(logins.listeners(API))
    seeded = Settings(spotify_refresh_token=SecretStr(REFRESH), spotify_api_url="https://api.spotify.com/v1")
    assert CANARY not in repr(seeded)
    assert logins.seed_from_environment(seeded)


def test_a_lost_warehouse_does_not_take_a_token_into_its_error(
    warehouse: Warehouse, postgres_server: EmbeddedPostgres, httpserver: HTTPServer
) -> None:
    def rotate_and_cut(request: Request) -> Response:
        cut(postgres_server, warehouse)
        return Response(json.dumps({"access_token": TOKEN, "expires_in": 3600}))

    httpserver.expect_request("/api/token").respond_with_handler(rotate_and_cut)
    logins: TokenStore = replace(store(warehouse), clock=FixedClock(NOW + timedelta(hours=2)))
    answer = TokenAnswer(access_token=SecretStr(TOKEN), refresh_token=SecretStr(REFRESH), expires_in=0)
    logins.save_login("anna", answer, NOW, Profile(id="x"), "UTC", API)
    told = told_by(lambda: logins.access_token("anna", app_at(httpserver.url_for("").rstrip("/"))))
    assert CANARY not in told
