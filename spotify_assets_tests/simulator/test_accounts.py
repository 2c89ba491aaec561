"""accounts.spotify.com as simulated: consent, codes, tokens, rotation, expiry."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from spotify_assets.simulator.oauth import months_later, redirect_uri_fits
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets_tests.simulator.browser import (
    CHALLENGE,
    REDIRECT_URI,
    VERIFIER,
    admin,
    ask,
    callback,
    consent,
    log_in,
    token,
)
from spotify_assets_tests.simulator.conftest import Start


def test_consent_sends_the_browser_back_with_a_code_and_the_state(server: SimulatorServer) -> None:
    answer = consent(server)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith(f"{REDIRECT_URI}?")
    assert callback(answer).keys() == {"code", "state"}
    assert callback(answer)["state"] == "a state"


def test_a_refusal_sends_the_browser_back_with_access_denied(server: SimulatorServer) -> None:
    assert callback(consent(server, _sim_consent="denied")) == {"error": "access_denied", "state": "a state"}


@pytest.mark.parametrize(
    ("uri", "fits"),
    [
        ("http://127.0.0.1:8890/callback", True),
        ("http://127.0.0.1/callback", True),
        ("http://[::1]:1234/callback", True),
        ("http://localhost:8890/callback", False),
        ("http://127.0.0.1:8890/other", False),
        ("https://app.example/callback", True),
        ("https://app.example:8443/callback", False),
        ("http://app.example/callback", False),
    ],
)
def test_a_redirect_uri_is_https_or_a_loopback_literal_and_registered(uri: str, fits: bool) -> None:
    good = ("http://127.0.0.1/callback", "http://[::1]/callback", "https://app.example/callback")
    bad = ("http://localhost:8890/callback", "http://app.example/callback")
    assert redirect_uri_fits(uri, good + bad) == fits


def test_an_unregistered_redirect_uri_is_never_redirected_to(server: SimulatorServer) -> None:
    answer = consent(server, redirect_uri="http://localhost:8890/callback")
    assert (answer.status_code, "location" in answer.headers) == (400, False)


def test_a_code_brings_tokens_for_an_hour(server: SimulatorServer) -> None:
    form = {"grant_type": "authorization_code", "code": callback(consent(server))["code"], "redirect_uri": REDIRECT_URI}
    answer = token(server, form).json()
    assert answer.keys() == {"access_token", "token_type", "scope", "expires_in", "refresh_token"}
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 3600)


def test_a_code_works_once_and_for_ten_minutes(server: SimulatorServer) -> None:
    form = {"grant_type": "authorization_code", "code": callback(consent(server))["code"], "redirect_uri": REDIRECT_URI}
    assert token(server, form).status_code == 200
    again = token(server, form)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    late = form | {"code": callback(consent(server))["code"]}
    admin(server, "clock", {"advance_seconds": 601})
    assert token(server, late).json() == {"error": "invalid_grant", "error_description": "Authorization code expired"}


def test_a_code_is_bound_to_its_redirect_uri(server: SimulatorServer) -> None:
    code = callback(consent(server))["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "http://127.0.0.1:1/callback"}
    assert token(server, form).json() == {"error": "invalid_grant", "error_description": "Invalid redirect URI"}


def test_a_public_client_proves_itself_with_its_verifier(server: SimulatorServer) -> None:
    for verifier, status in ((VERIFIER, 200), (VERIFIER[::-1], 400), ("short", 400)):
        code = callback(consent(server, code_challenge=CHALLENGE, code_challenge_method="S256"))["code"]
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT_URI}
        assert token(server, form | {"code_verifier": verifier}, as_public=True).status_code == status


def test_a_public_client_without_pkce_is_refused(server: SimulatorServer) -> None:
    form = {"grant_type": "authorization_code", "code": callback(consent(server))["code"], "redirect_uri": REDIRECT_URI}
    assert token(server, form, as_public=True).json()["error"] == "invalid_client"


def test_a_wrong_secret_is_an_invalid_client(server: SimulatorServer) -> None:
    form = {"grant_type": "refresh_token", "client_id": server.world.config.client_id, "client_secret": "wrong"}
    answer = token(server, {**form, "refresh_token": log_in(server).refresh_token}, as_public=True)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_client")


def test_without_rotation_a_refresh_brings_no_refresh_token(server: SimulatorServer) -> None:
    app = log_in(server)
    for _ in range(3):
        assert app.refresh().json().keys() == {"access_token", "token_type", "scope", "expires_in"}


def test_a_rotating_refresh_token_is_revoked_by_its_one_use(start: Start) -> None:
    app = log_in(start(rotation="single_use"))
    new = app.refresh().json()["refresh_token"]
    again = app.refresh()
    assert again.status_code == 400
    assert again.json() == {"error": "invalid_grant", "error_description": "Refresh token revoked"}
    assert app.refresh(new).status_code == 200


def test_sometimes_a_refresh_rotates_and_sometimes_not(start: Start) -> None:
    app, rotated = log_in(start(rotation="sometimes")), []
    for _ in range(6):
        answer = app.refresh().json()
        rotated.append("refresh_token" in answer)
        app.refresh_token = answer.get("refresh_token", app.refresh_token)
    assert rotated == [False, True] * 3


@pytest.mark.parametrize("rotation", ["none", "single_use"])
def test_a_refresh_token_dies_six_months_after_the_consent_whatever_was_refreshed(start: Start, rotation: str) -> None:
    app = log_in(start(rotation=rotation))
    for month in (1, 2, 3, 4, 5):
        admin(app.server, "clock", {"now": months_later(datetime(2026, 11, 21, 11, tzinfo=UTC), month).isoformat()})
        app.refresh_token = app.refresh().json().get("refresh_token", app.refresh_token)
    admin(app.server, "clock", {"now": "2027-05-21T11:59:59+00:00"})
    app.refresh_token = app.refresh().json().get("refresh_token", app.refresh_token)
    admin(app.server, "clock", {"now": "2027-05-21T12:00:00+00:00"})
    assert app.refresh().json() == {"error": "invalid_grant", "error_description": "Refresh token expired"}


def test_an_access_token_dies_after_an_hour(server: SimulatorServer) -> None:
    app = log_in(server)
    admin(server, "clock", {"advance_seconds": 3599})
    assert app.get("/me").status_code == 200
    admin(server, "clock", {"advance_seconds": 1})
    answer = app.get("/me")
    assert answer.status_code == 401
    assert answer.json() == {"error": {"status": 401, "message": "Missing/invalid/expired access token"}}
    assert answer.headers["www-authenticate"] == 'Bearer realm="spotify", error="invalid_token"'


def test_revoking_a_listener_leaves_the_others_alone(start: Start) -> None:
    server = start(listeners=("alex", "bo"))
    alex, bo = log_in(server, "alex"), log_in(server, "bo")
    admin(server, "revoke", {"user": "alex"})
    assert alex.get("/me").status_code == 401
    assert alex.refresh().json()["error_description"] == "Refresh token revoked"
    assert (bo.get("/me").status_code, bo.refresh().status_code) == (200, 200)


def test_an_app_token_reaches_tracks_and_never_a_listener(server: SimulatorServer) -> None:
    app = log_in(server)
    answer = token(server, {"grant_type": "client_credentials"}).json()
    assert answer.keys() == {"access_token", "token_type", "expires_in"}
    track = app.get("/me/player/recently-played").json()["items"][0]["track"]["id"]
    app.access_token = answer["access_token"]
    assert app.get(f"/tracks/{track}").status_code == 200
    assert app.get("/me").status_code == 403


def test_a_restarted_simulator_knows_earlier_tokens(start: Start, tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    app = log_in(start(state=state))
    assert state.stat().st_mode & 0o777 == 0o600
    app.server = start(state=state)
    assert app.get("/me").status_code == 200
    assert app.refresh().status_code == 200


def test_the_same_seed_gives_the_same_tokens_and_another_seed_others(start: Start) -> None:
    tokens = [log_in(start(seed=seed)).refresh_token for seed in (1, 1, 2)]
    assert tokens[0] == tokens[1] != tokens[2]


def test_the_log_names_calls_and_no_secret(server: SimulatorServer) -> None:
    app = log_in(server)
    app.get("/me/player/recently-played", limit=50)
    app.refresh()
    log = ask(server, "requests")
    calls = [(call["method"], call["path"], call["user"], call["status"]) for call in log.json()["requests"]]
    assert calls == [
        ("GET", "/authorize", None, 303),
        ("POST", "/api/token", "alex", 200),
        ("GET", "/v1/me/player/recently-played", "alex", 200),
        ("POST", "/api/token", "alex", 200),
    ]
    assert log.json()["counts"]["POST /api/token 200"] == 2
    for secret in (app.access_token, app.refresh_token, server.world.config.client_secret):
        assert secret not in log.text
