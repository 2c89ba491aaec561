"""Logging in: who is taken in, who is refused with which sentence, and what a known listener keeps."""

from datetime import datetime, timedelta
from threading import Barrier, Thread

import pytest
from pydantic import SecretStr

from spotify_assets.errors import UserError
from spotify_assets.settings import Settings
from spotify_assets.spotify.models import Profile, TokenAnswer
from spotify_assets.spotify.outcomes import LoginRefused
from spotify_assets.spotify.tokens import TokenStore
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.spotify.conftest import NOW
from spotify_assets_tests.spotify.test_tokens import API, store

ANNA = Profile(id="anna-id", account_id="anna-account", display_name="Anna A.")
BERT = Profile(id="bert-id", account_id="bert-account")


@pytest.fixture
def logins(warehouse: Warehouse) -> TokenStore:
    return store(warehouse, NOW)


def log_in(
    logins: TokenStore,
    user_id: str = "anna",
    profile: Profile = ANNA,
    time_zone: str = "Europe/Berlin",
    api_url: str = API,
    at: datetime = NOW,
) -> None:
    answer = TokenAnswer(access_token=SecretStr("a"), refresh_token=SecretStr("r"), scope="user-read-recently-played")
    logins.save_login(user_id, answer, at, profile, time_zone, api_url)


def names(logins: TokenStore, api_url: str = API) -> list[str]:
    return [listener.user_id for listener in logins.listeners(api_url)]


def change(logins: TokenStore, statement: str) -> None:
    with logins.warehouse.connect() as connection:
        connection.execute(statement.encode())


def test_a_login_makes_a_listener(logins: TokenStore) -> None:
    log_in(logins)
    (anna,) = logins.connected(API)
    assert (anna.user_id, anna.account_id, anna.display_name) == ("anna", "anna-account", "Anna A.")
    assert (anna.time_zone, anna.status, anna.connected_at) == ("Europe/Berlin", "connected", NOW)


def test_a_new_login_of_a_known_listener_keeps_all_but_the_tokens_and_counts_the_consent_anew(
    logins: TokenStore,
) -> None:
    log_in(logins)
    change(
        logins,
        "update ops.listeners set display_name = 'Mum', time_zone = 'Asia/Tokyo', status = 'needs_login', "
        "status_reason = 'Refresh token expired'",
    )
    assert logins.connected(API) == []
    log_in(logins, time_zone="UTC", at=NOW + timedelta(days=170))
    (anna,) = logins.connected(API)
    assert (anna.display_name, anna.time_zone, anna.connected_at) == ("Mum", "Asia/Tokyo", NOW)
    assert anna.status_reason is None
    with logins.warehouse.connect() as connection:
        row = connection.execute("select consented_at, refreshed_at from ops.tokens").fetchone()
    assert row == (NOW + timedelta(days=170), None)


def test_another_account_under_a_known_name_is_refused(logins: TokenStore) -> None:
    log_in(logins)
    with pytest.raises(LoginRefused, match="name anna belongs to another Spotify account: log in with that one"):
        log_in(logins, profile=BERT)
    assert logins.listeners(API)[0].account_id == "anna-account"


def test_a_known_account_under_another_name_is_refused(logins: TokenStore) -> None:
    log_in(logins)
    with pytest.raises(LoginRefused, match="already connected as anna: run `spotify-assets login anna`"):
        log_in(logins, "anna2")
    assert names(logins) == ["anna"]


def test_one_account_that_logs_in_under_two_names_at_once_gets_one(logins: TokenStore) -> None:
    together, refused = Barrier(2), list[str]()

    def attempt(name: str) -> None:
        together.wait(10)
        try:
            log_in(logins, name)
        except LoginRefused as error:
            refused.append(str(error))

    for turn in range(5):
        change(logins, "delete from ops.listeners")
        refused.clear()
        threads = [Thread(target=attempt, args=(f"{name}{turn}",)) for name in ("a", "b")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(names(logins)) == len(refused) == 1


def test_an_account_known_by_its_id_is_recognised_once_spotify_sends_account_ids(logins: TokenStore) -> None:
    log_in(logins, profile=Profile(id="anna-id"))
    log_in(logins)
    assert logins.listeners(API)[0].account_id == "anna-account"


def test_a_name_of_the_simulator_is_not_taken_over_by_the_real_spotify(logins: TokenStore) -> None:
    log_in(logins)
    real = "https://api.spotify.com/v1"
    with pytest.raises(LoginRefused, match="choose another name"):
        log_in(logins, profile=BERT, api_url=real)
    log_in(logins, "bert", BERT, api_url=real)
    assert (names(logins), names(logins, real)) == (["anna"], ["bert"])


@pytest.mark.parametrize("name", ["", "Anna", "-anna", "a" * 33, "anna b", "anna\n", "ännä", "../x", "a'b"])
def test_a_name_that_can_not_be_is_refused(logins: TokenStore, name: str) -> None:
    with pytest.raises(LoginRefused, match="can't be a listener's name"):
        log_in(logins, name)


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "Europe", "x\0y"])
def test_a_zone_that_is_none_is_refused(logins: TokenStore, zone: str) -> None:
    with pytest.raises(LoginRefused, match="is no time zone: give one such as Europe/Berlin"):
        log_in(logins, time_zone=zone)


def test_a_zone_that_only_this_machine_knows_is_refused(logins: TokenStore) -> None:
    with pytest.raises(UserError, match="Postgres does not know the time zone 'localtime'"):
        log_in(logins, time_zone="localtime")
    assert names(logins) == []


def test_a_login_without_a_refresh_token_is_refused(logins: TokenStore) -> None:
    with pytest.raises(LoginRefused, match="no refresh token for anna"):
        logins.save_login("anna", TokenAnswer(access_token=SecretStr("a")), NOW, ANNA, "UTC", API)


# --- the environment's token


def environment(token: str | None = "env-refresh", api_url: str = API) -> Settings:  # noqa: S107
    return Settings(spotify_refresh_token=SecretStr(token) if token else None, spotify_api_url=api_url)


def test_the_environments_token_becomes_me_when_nobody_is_connected(logins: TokenStore) -> None:
    assert logins.seed_from_environment(environment())
    assert not logins.seed_from_environment(environment())
    (me,) = logins.connected(API)
    assert (me.user_id, me.account_id, me.time_zone, me.connected_at) == ("me", None, "UTC", NOW)
    with logins.warehouse.connect() as connection:
        row = connection.execute("select consented_at, access_token, refresh_token from ops.tokens").fetchone()
    assert row is not None
    assert row[:2] == (NOW, None)
    assert logins.cipher.decrypt(row[2]) == "env-refresh"


@pytest.mark.parametrize("token", [None, "", "  "])
def test_without_a_token_in_the_environment_nothing_is_seeded(logins: TokenStore, token: str | None) -> None:
    assert not logins.seed_from_environment(environment(token))
    assert names(logins) == []


def test_who_is_connected_already_or_needs_to_log_in_is_not_joined_by_the_environments_token(
    logins: TokenStore,
) -> None:
    log_in(logins)
    change(logins, "update ops.listeners set status = 'needs_login'")
    assert not logins.seed_from_environment(environment())
    assert names(logins) == ["anna"]


def test_a_new_token_in_the_environment_renews_a_login_that_ended_and_the_old_one_is_not_tried_again(
    logins: TokenStore,
) -> None:
    logins.seed_from_environment(environment())
    change(logins, "update ops.listeners set status = 'needs_login', status_reason = 'it expired'")
    assert not logins.seed_from_environment(environment())
    assert logins.seed_from_environment(environment("a-new-one"))
    (me,) = logins.connected(API)
    assert (me.user_id, me.status_reason) == ("me", None)
    with logins.warehouse.connect() as connection:
        row = connection.execute("select refresh_token from ops.tokens").fetchone()
    assert row is not None
    assert logins.cipher.decrypt(row[0]) == "a-new-one"


def test_a_simulated_me_is_not_mixed_with_the_real_one(logins: TokenStore) -> None:
    logins.seed_from_environment(environment())
    with pytest.raises(LoginRefused, match="SPOTIFY_REFRESH_TOKEN can't be used"):
        logins.seed_from_environment(environment(api_url="https://api.spotify.com/v1"))


def test_me_learns_the_account_at_the_next_login(logins: TokenStore) -> None:
    logins.seed_from_environment(environment())
    log_in(logins, "me")
    assert logins.listeners(API)[0].account_id == "anna-account"


def test_only_a_login_tells_when_the_consent_was_given(logins: TokenStore) -> None:
    def known() -> bool:
        with logins.warehouse.connect() as connection:
            row = connection.execute("select consent_is_known from ops.tokens").fetchone()
        assert row is not None
        return bool(row[0])

    logins.seed_from_environment(environment())
    assert not known()
    log_in(logins, "me")
    assert known()
    change(logins, "update ops.listeners set status = 'needs_login'")
    assert logins.seed_from_environment(environment("a-new-one"))
    assert not known()
