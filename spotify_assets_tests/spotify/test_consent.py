"""Consent: what is asked for, what is taken as an answer, and the sentence for each way in which it fails."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from spotify_assets.clock import SimulatorClock
from spotify_assets.errors import UserError
from spotify_assets.settings import Settings
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.faults import Fault
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.consent import REDIRECT_URI, Consent, checked_redirect_uri, pasted_code
from spotify_assets.spotify.oauth import SpotifyApp
from spotify_assets.spotify.outcomes import LoginRefused, QuotaExceeded
from spotify_assets.spotify.tokens import TokenStore
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.spotify.test_tokens import store

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
NOTHING = "nothing is stored for alex"

Start = Callable[..., SimulatorServer]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts simulators."""
    with ExitStack() as stack:
        yield lambda **config: stack.enter_context(SimulatorServer(SimulatorConfig(at=START, **config)))


@pytest.fixture
def logins(warehouse: Warehouse) -> TokenStore:
    return store(warehouse)


def asked(spotify: SimulatorServer, uri: str = REDIRECT_URI, **changes: object) -> Consent:
    config = spotify.world.config
    app = SpotifyApp(config.client_id, SecretStr(config.client_secret), spotify.accounts_url, spotify.api_url)
    return Consent.to_ask(replace(app, **changes), "alex", uri)  # type: ignore[arg-type]


def sent_back(consent: Consent, **query: str) -> str:
    """The address to which the listener's browser is sent."""
    return requests.get(consent.address, params=query, allow_redirects=False, timeout=10).headers["Location"]


def access(logins: TokenStore, spotify: SimulatorServer) -> SpotifyAccess:
    return SpotifyAccess(Settings(spotify_api_url=spotify.api_url), logins, SimulatorClock(spotify.clock_url))


def logged_in(consent: Consent, logins: TokenStore, spotify: SimulatorServer, **query: str) -> datetime:
    code = consent.code_in(sent_back(consent, **query).partition("?")[2])
    return consent.log_in(code, access(logins, spotify), "Europe/Berlin")


def refused(consent: Consent, logins: TokenStore, spotify: SimulatorServer, **query: str) -> str:
    """The sentence, in one line; nobody is connected by it."""
    with pytest.raises(UserError) as caught:
        logged_in(consent, logins, spotify, **query)
    assert logins.listeners(spotify.api_url) == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("secret", [True, False], ids=["with a secret", "with PKCE"])
def test_a_consent_becomes_a_login(start: Start, logins: TokenStore, *, secret: bool) -> None:
    spotify = start()
    consent = asked(spotify) if secret else asked(spotify, client_secret=None)
    assert ("code_challenge" in consent.address) == (not secret)
    consent.check_with_spotify()
    assert logged_in(consent, logins, spotify) == START
    (alex,) = logins.connected(spotify.api_url)
    assert (alex.display_name, alex.time_zone, alex.connected_at) == ("Alex", "Europe/Berlin", START)


def test_no_two_consents_have_the_same_state_or_verifier(start: Start) -> None:
    spotify = start()
    one, two = (asked(spotify, client_secret=None) for _ in range(2))
    assert one.state != two.state
    assert one.verifier != two.verifier
    assert len(one.state) >= 32
    assert one.state not in repr(one)
    assert str(one.verifier) not in repr(one)


@pytest.mark.parametrize("query", ["", "code=x", "code=x&state=", "code=x&state=another", "state=ä&code=x"])
def test_an_answer_without_the_state_is_none(start: Start, query: str) -> None:
    assert not asked(start()).is_answer(query)


# --- what Spotify shows as a page instead of redirecting


@pytest.mark.parametrize("uri", ["http://127.0.0.1:8888/other", "https://app.example/callback"])
def test_a_redirect_uri_that_is_not_registered_is_named(start: Start, uri: str) -> None:
    with pytest.raises(LoginRefused) as caught:
        asked(start(), uri).check_with_spotify()
    assert f"does not know the redirect URI {uri}: add exactly {uri} under Redirect URIs" in str(caught.value)


def test_a_client_id_that_spotify_does_not_know_is_named(start: Start) -> None:
    with pytest.raises(LoginRefused, match="knows no app with the client id wrong: copy SPOTIFY_CLIENT_ID again"):
        asked(start(), client_id="wrong").check_with_spotify()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("redirect_uri: Not matching configuration", "does not know the redirect URI"),
        ("INVALID_CLIENT: Invalid redirect URI", "does not know the redirect URI"),
        ("INVALID_CLIENT: Invalid client", "knows no app"),
        ("client_id: Invalid", "knows no app"),
    ],
)
def test_both_wordings_of_spotifys_pages_are_known(start: Start, text: str, says: str) -> None:
    spotify = start()
    spotify.world.faults.add(Fault(path="/authorize", status=400, body=text))
    with pytest.raises(LoginRefused, match=says):
        asked(spotify).check_with_spotify()


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 400, "body": "<html>Something else</html>"},
        {"status": 503, "body": "INVALID_CLIENT: Invalid redirect URI"},
        {"status": 200, "body": "<html>Log in. redirect_uri client_id</html>"},
        {"cut": True},
    ],
)
def test_a_look_ahead_that_fails_otherwise_is_no_reason_to_stop(start: Start, fault: dict[str, Any]) -> None:
    spotify = start()
    spotify.world.faults.add(Fault(path="/authorize", **fault))
    asked(spotify).check_with_spotify()


# --- what goes wrong after that


def test_a_refused_consent_is_said(start: Start, logins: TokenStore) -> None:
    spotify = start()
    sentence = refused(asked(spotify), logins, spotify, _sim_consent="denied")
    assert sentence == (
        "Spotify was told not to give access, so nothing is stored for alex: run `spotify-assets login alex` again, "
        "and agree on Spotify's page."
    )


def test_a_wrong_secret_is_told_from_a_wrong_client_id(start: Start, logins: TokenStore) -> None:
    spotify = start()
    sentence = refused(asked(spotify, client_secret=SecretStr("wrong")), logins, spotify)
    assert "Spotify knows the app, but not with this SPOTIFY_CLIENT_SECRET: copy it again" in sentence


def test_a_lapsed_premium_is_said(start: Start, logins: TokenStore) -> None:
    spotify = start(premium=False)
    assert "owner of the Spotify app has no active Premium" in refused(asked(spotify), logins, spotify)


def test_who_is_not_on_the_allow_list_is_sent_to_the_owner_of_the_app(start: Start, logins: TokenStore) -> None:
    spotify = start(listeners=("alex", "bo"), allowlist=("bo",))
    sentence = refused(asked(spotify), logins, spotify)
    assert NOTHING in sentence
    assert "adds it under User Management at https://developer.spotify.com/dashboard, then run" in sentence


def test_a_missing_permission_is_said(start: Start, logins: TokenStore) -> None:
    spotify = start()
    consent = asked(spotify)
    changed = consent.address.replace("user-read-recently-played", "user-top-read")
    location = requests.get(changed, allow_redirects=False, timeout=10).headers["Location"]
    with pytest.raises(UserError, match=r"does not include the permission .* accept every permission"):
        consent.log_in(consent.code_in(location.partition("?")[2]), access(logins, spotify), "UTC")
    assert logins.listeners(spotify.api_url) == []


def test_an_answer_that_names_no_scope_has_the_one_that_was_asked_for(start: Start, logins: TokenStore) -> None:
    spotify = start()
    consent = asked(spotify)
    code = consent.code_in(sent_back(consent).partition("?")[2])
    answer = consent.app.exchange_code(code, REDIRECT_URI)
    body = {"access_token": answer.access_token.get_secret_value(), "refresh_token": "r"}
    spotify.world.faults.add(Fault(path="/api/token", status=200, body=body))
    consent.log_in("another", access(logins, spotify), "UTC")
    assert [alex.user_id for alex in logins.connected(spotify.api_url)] == ["alex"]


def test_a_code_that_is_used_up_asks_for_another_try(start: Start, logins: TokenStore) -> None:
    spotify = start()
    consent = asked(spotify)
    with pytest.raises(LoginRefused, match=r"did not take its own code for alex \(Invalid authorization code\)"):
        consent.log_in("used-up", access(logins, spotify), "UTC")


@pytest.mark.parametrize(
    ("path", "fault", "says"),
    [
        ("/api/token", {"status": 503}, r"POST /api/token \(HTTP 503\), so nothing is stored for alex: run"),
        ("/api/token", {"status": 429, "headers": {"Retry-After": "9"}}, "in some minutes"),
        (
            "/v1/me",
            {"status": 429, "headers": {"Retry-After": "7200"}},
            r"before 2026-03-02 08:00 UTC.* then; `spotify-assets doctor`",
        ),
        (
            "/v1/me",
            {"status": 401, "count": 9},
            r"gave alex a token and then refused it \(GET /me\), so nothing is stored: run `spotify-assets login alex`",
        ),
    ],
)
def test_a_bad_moment_stores_nothing_and_says_when_to_come_back(
    start: Start, logins: TokenStore, path: str, fault: dict[str, Any], says: str
) -> None:
    spotify = start()
    spotify.world.faults.add(Fault(path=path, **fault))
    with pytest.raises(LoginRefused, match=says):
        logged_in(asked(spotify), logins, spotify)
    assert logins.listeners(spotify.api_url) == []


def test_while_the_app_may_ask_nothing_nobody_is_sent_to_spotify(start: Start, logins: TokenStore) -> None:
    spotify = start()
    governor = access(logins, spotify).governor
    asked(spotify).check_for_blocks(governor)
    governor.told_to_wait(QuotaExceeded(START + timedelta(hours=14)))
    with pytest.raises(LoginRefused, match="before 2026-03-02 20:00 UTC, so nothing is stored for alex"):
        asked(spotify).check_for_blocks(governor)


def test_while_the_budget_is_used_up_nobody_is_sent_to_spotify(start: Start, logins: TokenStore) -> None:
    spotify = start()
    governor = replace(access(logins, spotify).governor, budget=1)
    asked(spotify).check_for_blocks(governor)
    with governor.gate("connection").call():
        pass
    with pytest.raises(LoginRefused, match=r"budget of 1 requests in 24 hours is used up.* nothing is stored for alex"):
        asked(spotify).check_for_blocks(governor)


def test_a_login_counts_towards_the_budget(start: Start, logins: TokenStore) -> None:
    spotify = start()
    logged_in(asked(spotify), logins, spotify)
    assert access(logins, spotify).governor.standing().by_purpose == {"connection": 1}


def test_another_account_under_a_known_name_is_refused_and_the_known_one_keeps_its_login(
    start: Start, logins: TokenStore
) -> None:
    spotify = start(listeners=("alex", "bo"))
    logged_in(asked(spotify), logins, spotify)
    with pytest.raises(LoginRefused, match="The name alex belongs to another Spotify account"):
        logged_in(asked(spotify), logins, spotify, _sim_user="bo")
    with pytest.raises(LoginRefused, match="already connected as alex: run `spotify-assets login alex`"):
        logged_in(replace(asked(spotify), user_id="bo"), logins, spotify)
    assert [(alex.user_id, alex.display_name) for alex in logins.connected(spotify.api_url)] == [("alex", "Alex")]


# --- by paste


def test_the_address_may_be_pasted_after_something_else(start: Start) -> None:
    consent = asked(start())
    lines = iter(["what?\n", f"{sent_back(asked(start()))}\n", f'  "{sent_back(consent)}" \n'])
    said: list[str] = []
    assert len(pasted_code(consent, said.append, lambda: next(lines))) > 100
    assert said == [
        "That is not it: the whole address is needed, which begins with http://127.0.0.1/callback?",
        "That is the answer to another attempt to log in: open the address above, and paste what comes then.",
    ]


@pytest.mark.parametrize("line", ["\n", "AQD-code-alone\n", "http://[\n", "https://open.spotify.com/\n"])
def test_after_three_other_things_there_is_a_sentence(start: Start, line: str) -> None:
    said: list[str] = []
    with pytest.raises(LoginRefused, match="Three times something else"):
        pasted_code(asked(start()), said.append, lambda: line)
    assert len(said) == 3


def test_the_end_of_the_input_and_a_pasted_refusal_are_sentences(start: Start) -> None:
    consent = asked(start())
    with pytest.raises(LoginRefused, match="No address was pasted"):
        pasted_code(consent, print, lambda: "")
    with pytest.raises(LoginRefused, match="told not to give access"):
        pasted_code(consent, print, lambda: sent_back(consent, _sim_consent="denied"))


# --- redirect URIs


@pytest.mark.parametrize(
    "uri",
    ["http://127.0.0.1/callback", "http://127.0.0.1:8888/cb", "http://[::1]:8888/", "https://my.example/callback"],
)
def test_a_redirect_uri_that_spotify_takes_is_taken(uri: str) -> None:
    assert checked_redirect_uri(uri) == uri


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost:8888/callback",
        "http://my.example/callback",
        "myapp://callback",
        "http://127.0.0.1:x/callback",
        "https://my.example/callback?x=1",
        "127.0.0.1",
        "",
    ],
)
def test_another_one_is_refused_with_the_one_to_register(uri: str) -> None:
    with pytest.raises(LoginRefused, match=r"register http://127\.0\.0\.1/callback and leave --redirect-uri out"):
        checked_redirect_uri(uri)
