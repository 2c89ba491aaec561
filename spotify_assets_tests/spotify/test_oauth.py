"""Consent addresses, codes and refreshes, against a scripted accounts service."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from pydantic import SecretStr
from pytest_httpserver import HTTPServer
from werkzeug import Response

from spotify_assets.errors import SettingsError
from spotify_assets.settings import Settings
from spotify_assets.spotify.oauth import SpotifyApp, challenge_for, new_verifier
from spotify_assets.spotify.outcomes import BadRequest, InvalidClient, ReauthRequired, SpotifyError, Transient
from spotify_assets_tests.spotify.conftest import SHORT

API = "https://api.spotify.com/v1"


def app(accounts_url: str, secret: str | None = "s3cret") -> SpotifyApp:  # noqa: S107
    return SpotifyApp("app-id", SecretStr(secret) if secret else None, accounts_url, API, limits=SHORT)


def scripted(server: HTTPServer, status: int, body: object, headers: Mapping[str, str] | None = None) -> SpotifyApp:
    text = body if isinstance(body, str) else json.dumps(body)
    server.expect_request("/api/token", method="POST").respond_with_response(Response(text, status, headers))
    return app(server.url_for("").rstrip("/"))


def sent(server: HTTPServer) -> dict[str, str]:
    return dict(parse_qsl(server.log[0][0].get_data(as_text=True)))


def test_the_challenge_is_the_one_of_the_standard() -> None:
    # RFC 7636, appendix B.
    challenge = challenge_for("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk")
    assert challenge == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_verifier_fits_the_standard_and_is_never_the_same() -> None:
    assert 43 <= len(new_verifier()) <= 128
    assert new_verifier() != new_verifier()


def test_the_consent_address_of_an_app_with_a_secret() -> None:
    address = urlsplit(app("https://accounts.spotify.com").authorize_url("http://127.0.0.1:8888/callback", "st"))
    assert (address.netloc, address.path) == ("accounts.spotify.com", "/authorize")
    assert parse_qs(address.query) == {
        "client_id": ["app-id"],
        "response_type": ["code"],
        "redirect_uri": ["http://127.0.0.1:8888/callback"],
        "scope": ["user-read-recently-played"],
        "state": ["st"],
    }


def test_the_consent_address_of_an_app_without_a_secret_carries_a_challenge() -> None:
    public = app("https://accounts.spotify.com", None)
    query = parse_qs(urlsplit(public.authorize_url("http://127.0.0.1:1/c", "st", "v" * 43)).query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["code_challenge"] == [challenge_for("v" * 43)]
    with pytest.raises(ValueError, match="verifier"):
        public.authorize_url("http://127.0.0.1:1/c", "st")


def test_a_code_is_exchanged_with_the_secret_in_the_header_only(httpserver: HTTPServer) -> None:
    ours = scripted(httpserver, 200, {"access_token": "a", "refresh_token": "r", "expires_in": 3600, "scope": "x y"})
    answer = ours.exchange_code("the-code", "http://127.0.0.1:1/c")
    assert answer.refresh_token is not None
    assert (answer.access_token.get_secret_value(), answer.refresh_token.get_secret_value()) == ("a", "r")
    assert (answer.expires_in, answer.scope) == (3600, "x y")
    form = {"grant_type": "authorization_code", "code": "the-code", "redirect_uri": "http://127.0.0.1:1/c"}
    assert sent(httpserver) == form
    basic = base64.b64encode(b"app-id:s3cret").decode()
    assert httpserver.log[0][0].headers["Authorization"] == f"Basic {basic}"


def test_an_app_without_a_secret_names_itself_in_the_body(httpserver: HTTPServer) -> None:
    scripted(httpserver, 200, {"access_token": "a"})
    app(httpserver.url_for("").rstrip("/"), None).exchange_code("c", "http://127.0.0.1:1/c", "v" * 43)
    assert sent(httpserver)["client_id"] == "app-id"
    assert sent(httpserver)["code_verifier"] == "v" * 43
    assert "Authorization" not in httpserver.log[0][0].headers


@pytest.mark.parametrize(
    "body",
    [
        {"access_token": "a", "token_type": "Bearer", "expires_in": 3600},
        {"access_token": "a", "refresh_token": None, "expires_in": None, "scope": None},
        {"access_token": "a", "refresh_token": "", "expires_in": "soon", "scope": 3},
        {"access_token": "a", "expires_in": True, "unknown": {"x": 1}},
    ],
)
def test_an_answer_without_a_new_refresh_token_needs_nothing_but_an_access_token(
    httpserver: HTTPServer, body: object
) -> None:
    answer = scripted(httpserver, 200, body).refresh("old")
    assert answer.refresh_token is None
    assert answer.scope is None
    assert answer.expires_in == 3600
    assert sent(httpserver) == {"grant_type": "refresh_token", "refresh_token": "old"}


@pytest.mark.parametrize(("told", "kept"), [(-5, 0), (10**12, 86_400), (59.9, 59), (1e400, 3600)])
def test_an_absurd_life_does_not_cost_a_rotated_token(httpserver: HTTPServer, told: float, kept: int) -> None:
    body = json.dumps({"access_token": "a", "refresh_token": "r", "expires_in": told}).replace("Infinity", "1e400")
    answer = scripted(httpserver, 200, body).refresh("old")
    assert answer.refresh_token is not None
    assert answer.expires_in == kept


def test_the_real_token_answers_are_understood(httpserver: HTTPServer, real_data: Path) -> None:
    folder = real_data / "api/spotify-web-api-java/authorization/authorization_code"
    fresh = scripted(httpserver, 200, (folder / "AuthorizationCode.json").read_text()).exchange_code("c", "u")
    assert fresh.refresh_token is not None
    httpserver.clear()
    renewed = scripted(httpserver, 200, (folder / "AuthorizationCodeRefresh.json").read_text()).refresh("r")
    assert renewed.refresh_token is None


@pytest.mark.parametrize(
    ("status", "body", "outcome", "says"),
    [
        (400, {"error": "invalid_grant", "error_description": "Refresh token expired"}, ReauthRequired, "expired"),
        (400, {"error": "invalid_grant", "error_description": "never seen"}, ReauthRequired, "never seen"),
        (400, {"error": "invalid_grant"}, ReauthRequired, "invalid_grant"),
        (400, {"error": "invalid_client", "error_description": "Invalid client"}, InvalidClient, "SPOTIFY_CLIENT_ID"),
        (400, {"error": "invalid_client"}, InvalidClient, "SPOTIFY_CLIENT_SECRET"),
        (401, {"error": "invalid_client"}, InvalidClient, "dashboard"),
        (400, {"error": "unsupported_grant_type"}, BadRequest, "unsupported_grant_type"),
        (400, "<html>Bad Request</html>", Transient, "HTTP 400"),
        (400, {"error": {"status": 400}}, Transient, "HTTP 400"),
        (403, {"error": "invalid_grant"}, Transient, "HTTP 403"),
        (429, "Too many requests", Transient, "HTTP 429"),
        (429, {"error": "invalid_grant"}, Transient, "HTTP 429"),
        (500, {"error": "server_error"}, Transient, "HTTP 500"),
        (502, "<html>", Transient, "HTTP 502"),
        (503, {"error": "invalid_grant", "error_description": "Refresh token revoked"}, Transient, "HTTP 503"),
        (302, "", Transient, "HTTP 302"),
        (200, "<html>", Transient, "holds no token"),
        (200, {"token_type": "Bearer"}, Transient, "holds no token"),
        (200, {"access_token": "two\r\nlines"}, Transient, "holds no token"),
        (200, [], Transient, "holds no token"),
    ],
)
def test_only_a_400_invalid_grant_costs_a_login(
    httpserver: HTTPServer, status: int, body: object, outcome: type[SpotifyError], says: str
) -> None:
    with pytest.raises(SpotifyError, match=says) as caught:
        scripted(httpserver, status, body).refresh("old")
    assert type(caught.value) is outcome
    assert len(httpserver.log) == 1


@pytest.mark.parametrize(("told", "wait"), [("7", 7), (None, 30), ("soon", 30), ("9" * 30, 30)])
def test_a_busy_token_endpoint_says_how_long(httpserver: HTTPServer, told: str | None, wait: float) -> None:
    with pytest.raises(Transient) as caught:
        scripted(httpserver, 429, "", {"Retry-After": told} if told else None).refresh("old")
    assert caught.value.retry_after == wait


def test_the_app_comes_from_the_environment() -> None:
    ours = SpotifyApp.from_settings(Settings(spotify_client_id=" app-id\n", spotify_client_secret=SecretStr(" s ")))
    assert ours.client_id == "app-id"
    assert ours.client_secret is not None
    assert ours.client_secret.get_secret_value() == "s"
    assert (ours.accounts_url, ours.api_url) == ("https://accounts.spotify.com", API)


def test_without_a_secret_the_app_uses_pkce() -> None:
    assert SpotifyApp.from_settings(Settings(spotify_client_id="x", spotify_client_secret=SecretStr(" "))).uses_pkce


def test_without_a_client_id_there_is_a_sentence() -> None:
    with pytest.raises(SettingsError, match="SPOTIFY_CLIENT_ID is not set: create an app"):
        SpotifyApp.from_settings(Settings())


@pytest.mark.parametrize("variable", ["spotify_api_url", "spotify_accounts_url"])
def test_half_a_simulator_is_refused(variable: str) -> None:
    half = Settings(spotify_client_id="x").model_copy(update={variable: "http://127.0.0.1:8900"})
    with pytest.raises(SettingsError, match="set both for a simulator"):
        SpotifyApp.from_settings(half)
