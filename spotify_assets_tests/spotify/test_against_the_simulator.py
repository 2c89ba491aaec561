"""The whole way against the simulated Spotify: consent, login, poll, refresh, rotation, the end of a login."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from pydantic import SecretStr

from spotify_assets.clock import SimulatorClock
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.spotify.client import SpotifyClient
from spotify_assets.spotify.exchange import new_session
from spotify_assets.spotify.oauth import SpotifyApp, new_verifier
from spotify_assets.spotify.outcomes import NotAllowedInTier, ReauthRequired
from spotify_assets.spotify.tokens import TokenStore
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.spotify.conftest import OpenGate
from spotify_assets_tests.spotify.test_tokens import store

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
REDIRECT = "http://127.0.0.1:8888/callback"


def log_in(simulator: SimulatorServer, app: SpotifyApp, logins: TokenStore) -> None:
    verifier = new_verifier() if app.uses_pkce else None
    back = requests.get(app.authorize_url(REDIRECT, "st", verifier), allow_redirects=False, timeout=10)
    query = parse_qs(urlsplit(back.headers["Location"]).query)
    assert query["state"] == ["st"]
    answer = app.exchange_code(query["code"][0], REDIRECT, verifier)
    token = answer.access_token.get_secret_value()
    client = SpotifyClient(new_session(), simulator.api_url, lambda _: token, logins.clock, OpenGate())
    logins.save_login("alex", answer, logins.clock.now(), client.me(), "Europe/Berlin", simulator.api_url)


@pytest.mark.parametrize("has_secret", [True, False], ids=["with a secret", "pkce"])
def test_a_listener_logs_in_is_polled_through_refreshes_and_told_when_the_login_ends(
    warehouse: Warehouse, *, has_secret: bool
) -> None:
    config = SimulatorConfig(at=AT, rotation="none" if has_secret else "single_use")
    with SimulatorServer(config) as simulator:
        secret = SecretStr(config.client_secret) if has_secret else None
        app = SpotifyApp(config.client_id, secret, simulator.accounts_url, simulator.api_url)
        logins = replace(store(warehouse), clock=SimulatorClock(simulator.clock_url))
        log_in(simulator, app, logins)
        client = SpotifyClient(
            session=new_session(),
            api_url=simulator.api_url,
            token=lambda rejected: logins.access_token("alex", app, rejected=rejected),
            clock=logins.clock,
            gate=OpenGate(),
            user_id="alex",
        )
        turn_to = partial(requests.post, simulator.clock_url, timeout=10)
        fetched = []
        for hours in (0, 2, 4):
            turn_to(json={"now": (AT + timedelta(hours=hours)).isoformat()})
            fetched.append(client.recently_played())
        assert [answer.fetched_at for answer in fetched] == [AT + timedelta(hours=hours) for hours in (0, 2, 4)]
        assert all(b'"items"' in answer.body for answer in fetched)
        with pytest.raises(NotAllowedInTier):
            client.get("/tracks", {"ids": "x"})

        turn_to(json={"now": (AT + timedelta(days=190)).isoformat()})
        with pytest.raises(ReauthRequired, match=r"listener alex \(Refresh token expired\)"):
            client.recently_played()
        assert logins.connected(simulator.api_url) == []
        log_in(simulator, app, logins)
        assert client.recently_played().fetched_at == AT + timedelta(days=190)
        assert [listener.user_id for listener in logins.connected(simulator.api_url)] == ["alex"]
