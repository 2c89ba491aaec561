"""Access tokens out of the warehouse: refreshed once, stored before used, lost only by the one kill that is allowed."""

import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

import psycopg
import pytest
from cryptography.fernet import Fernet
from psycopg import conninfo, sql
from pydantic import SecretStr

from spotify_assets.clock import FixedClock
from spotify_assets.errors import SettingsError, WarehouseUnavailable
from spotify_assets.settings import Settings
from spotify_assets.spotify import stored, tokens
from spotify_assets.spotify.models import Profile, TokenAnswer
from spotify_assets.spotify.oauth import SpotifyApp
from spotify_assets.spotify.outcomes import BadRequest, InvalidClient, LoginRefused, ReauthRequired, Transient
from spotify_assets.spotify.tokens import Listener, TokenStore
from spotify_assets.storage.embedded import EmbeddedPostgres
from spotify_assets.storage.secrets import TokenCipher
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.spotify.conftest import NOW, SHORT, Accounts

# The same in every process.
KEY = urlsafe_b64encode(bytes(32)).decode()
API = "http://127.0.0.1:9/v1"
LATER = NOW + timedelta(hours=2)


def store(warehouse: Warehouse, now: datetime = LATER, key: str = KEY) -> TokenStore:
    cipher = TokenCipher.from_settings(Settings(token_encryption_key=SecretStr(key)))
    return TokenStore(warehouse, cipher, FixedClock(now))


def app(accounts: Accounts, api_url: str = API) -> SpotifyApp:
    return SpotifyApp("app", SecretStr("secret"), accounts.url, api_url, limits=replace(SHORT, read=20, exchange=20))


@pytest.fixture
def anna(warehouse: Warehouse) -> TokenStore:
    """A store two hours after anna's login, whose access token has died since."""
    answer = TokenAnswer(access_token=SecretStr("access-0"), refresh_token=SecretStr("refresh-0"), expires_in=3600)
    store(warehouse, NOW).save_login("anna", answer, NOW, Profile(id="id-anna"), "Europe/Berlin", API)
    return store(warehouse)


def listener(anna: TokenStore) -> Listener:
    return anna.listeners(API)[0]


def stored_refresh_token(anna: TokenStore) -> str:
    with anna.warehouse.connect() as connection:
        login = stored.read_login(connection, "anna")
    assert login
    return anna.cipher.decrypt(login.refresh_token)


# --- fresh or not


@pytest.mark.parametrize(("age", "refreshes"), [(0, 0), (3539, 0), (3540, 1), (3600, 1)])
def test_an_access_token_is_used_while_it_has_more_than_a_minute_to_live(
    anna: TokenStore, accounts: Accounts, age: int, refreshes: int
) -> None:
    young = replace(anna, clock=FixedClock(NOW + timedelta(seconds=age)))
    assert young.access_token("anna", app(accounts)) == f"access-{refreshes}"
    assert accounts.refreshes == refreshes


def test_a_refused_token_is_refreshed_once_for_all_who_were_refused(anna: TokenStore, accounts: Accounts) -> None:
    young = replace(anna, clock=FixedClock(NOW))
    assert young.access_token("anna", app(accounts), rejected="access-0") == "access-1"
    assert young.access_token("anna", app(accounts), rejected="access-0") == "access-1"
    assert accounts.refreshes == 1


def test_a_rotated_token_is_stored_and_used_next_time(anna: TokenStore, accounts: Accounts) -> None:
    assert anna.access_token("anna", app(accounts)) == "access-1"
    assert stored_refresh_token(anna) == "refresh-1"
    assert anna.access_token("anna", app(accounts), rejected="access-1") == "access-2"
    assert stored_refresh_token(anna) == "refresh-2"
    assert listener(anna).status_reason is None


def test_without_a_new_refresh_token_the_old_one_stays(anna: TokenStore, accounts: Accounts) -> None:
    accounts.rotating = False
    assert anna.access_token("anna", app(accounts)) == "access-1"
    assert stored_refresh_token(anna) == "refresh-0"


def test_the_answer_is_committed_before_the_token_is_returned(anna: TokenStore, accounts: Accounts) -> None:
    access = anna.access_token("anna", app(accounts))
    with anna.warehouse.connect() as connection:
        row = connection.execute(
            "select access_token, access_expires_at, refreshed_at, consented_at from ops.tokens"
        ).fetchone()
    assert row is not None
    assert anna.cipher.decrypt(row[0]) == access
    assert row[1:] == (LATER + timedelta(hours=1), LATER, NOW)


def test_tokens_are_stored_encrypted(anna: TokenStore, accounts: Accounts) -> None:
    anna.access_token("anna", app(accounts))
    with anna.warehouse.connect() as connection:
        rows = connection.execute("select t.*, l.* from ops.tokens t join ops.listeners l using (user_id)").fetchall()
    everything = repr([bytes(value) if isinstance(value, memoryview) else value for row in rows for value in row])
    assert "refresh-1" not in everything
    assert "access-1" not in everything


# --- outcomes


def test_a_dead_refresh_token_marks_the_listener_and_is_never_sent_again(anna: TokenStore, accounts: Accounts) -> None:
    accounts.valid = set()
    with pytest.raises(ReauthRequired, match=r"listener anna \(Refresh token revoked\)"):
        anna.access_token("anna", app(accounts))
    assert accounts.refused == 1
    assert anna.connected(API) == []
    assert (listener(anna).status, listener(anna).status_reason) == ("needs_login", "Refresh token revoked")
    assert stored_refresh_token(anna) == "refresh-0"
    with pytest.raises(
        ReauthRequired, match=r"listener anna \(Refresh token revoked\): run `spotify-assets login anna`"
    ):
        anna.access_token("anna", app(accounts))
    assert accounts.refused == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [(429, b""), (500, b"{}"), (503, b'{"error":"invalid_grant"}'), (200, b"<html>"), (200, b"{}"), (400, b"<html>")],
)
def test_a_bad_moment_of_the_token_endpoint_marks_nobody(
    anna: TokenStore, accounts: Accounts, status: int, body: bytes
) -> None:
    accounts.override = (status, body)
    with pytest.raises(Transient, match="listener anna"):
        anna.access_token("anna", app(accounts))
    assert [each.user_id for each in anna.connected(API)] == ["anna"]
    assert stored_refresh_token(anna) == "refresh-0"
    accounts.override = None
    assert anna.access_token("anna", app(accounts)) == "access-1"
    assert listener(anna).status_reason is None


def test_a_token_endpoint_that_is_silent_or_gone_marks_nobody(anna: TokenStore, accounts: Accounts) -> None:
    accounts.rotating = False
    accounts.delay = 1
    hasty = replace(app(accounts), limits=SHORT)
    with pytest.raises(Transient, match="time-out"):
        anna.access_token("anna", hasty)
    accounts.stop()
    with pytest.raises(Transient, match="no connection"):
        anna.access_token("anna", hasty)
    assert listener(anna).status == "connected"


def test_a_refused_app_is_nobodys_fault(anna: TokenStore, accounts: Accounts) -> None:
    accounts.override = (400, b'{"error":"invalid_client","error_description":"Invalid client"}')
    with pytest.raises(InvalidClient, match="SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET"):
        anna.access_token("anna", app(accounts))
    assert listener(anna).status == "connected"


def test_a_token_never_goes_to_another_api(anna: TokenStore, accounts: Accounts) -> None:
    with pytest.raises(LoginRefused, match="sent only to where it came from"):
        anna.access_token("anna", app(accounts, "https://api.spotify.com/v1"))
    assert accounts.refreshes == 0


def test_an_unknown_name_gets_a_sentence(anna: TokenStore, accounts: Accounts) -> None:
    with pytest.raises(LoginRefused, match="Nobody is logged in as bert: run `spotify-assets login bert`"):
        anna.access_token("bert", app(accounts))


def test_another_key_costs_no_login(anna: TokenStore, accounts: Accounts) -> None:
    with pytest.raises(SettingsError):
        store(anna.warehouse, key=Fernet.generate_key().decode()).access_token("anna", app(accounts))
    assert accounts.refreshes == 0
    assert listener(anna).status == "connected"


def test_a_read_only_database_is_noticed_before_spotify_is_asked(anna: TokenStore, accounts: Accounts) -> None:
    with anna.warehouse.connect() as connection:
        name = connection.info.dbname
        connection.execute(
            sql.SQL("alter database {} set default_transaction_read_only = on").format(sql.Identifier(name))
        )
    with pytest.raises(WarehouseUnavailable, match="read-only"):
        anna.access_token("anna", app(accounts))
    assert accounts.refreshes == 0


# --- changed keys


OTHER_KEY = urlsafe_b64encode(bytes([1] * 32)).decode()


@pytest.mark.parametrize("rotating", [True, False])
def test_a_refresh_leaves_nothing_under_an_old_key(anna: TokenStore, accounts: Accounts, *, rotating: bool) -> None:
    accounts.rotating = rotating
    both = store(anna.warehouse, key=f"{OTHER_KEY},{KEY}")
    assert both.under_old_key(API) == ["anna"]
    assert both.under_old_key("https://api.spotify.com/v1") == []
    assert both.access_token("anna", app(accounts)) == "access-1"
    assert both.under_old_key(API) == []
    new = store(anna.warehouse, LATER + timedelta(hours=2), OTHER_KEY)
    assert new.access_token("anna", app(accounts)) == "access-2"
    with pytest.raises(SettingsError, match="restore the key"):
        anna.access_token("anna", app(accounts))


def test_an_access_token_under_the_old_key_counts_too(anna: TokenStore) -> None:
    both = store(anna.warehouse, key=f"{OTHER_KEY},{KEY}")
    with anna.warehouse.connect() as connection:
        connection.execute("update ops.tokens set refresh_token = %s", (both.cipher.encrypt("refresh-0"),))
    assert both.under_old_key(API) == ["anna"]


def test_under_an_unchanged_key_a_token_that_stays_is_not_written_anew(anna: TokenStore, accounts: Accounts) -> None:
    accounts.rotating = False
    with anna.warehouse.connect() as connection:
        before = stored.read_login(connection, "anna")
    anna.access_token("anna", app(accounts))
    with anna.warehouse.connect() as connection:
        after = stored.read_login(connection, "anna")
    assert before
    assert after
    assert before.refresh_token == after.refresh_token


def test_a_rotated_token_is_stored_though_somebody_has_put_the_old_one_under_another_key_meanwhile(
    anna: TokenStore, accounts: Accounts, postgres_server: EmbeddedPostgres
) -> None:
    """The connection, and the lock with it, is lost while Spotify answers; a process with new keys comes in between."""
    both = store(anna.warehouse, key=f"{OTHER_KEY},{KEY}")

    def re_encrypt() -> None:
        cut(postgres_server, anna.warehouse)
        with anna.warehouse.connect() as connection:
            connection.execute("update ops.tokens set refresh_token = %s", (both.cipher.encrypt("refresh-0"),))

    accounts.before_answer = re_encrypt
    assert both.access_token("anna", app(accounts)) == "access-1"
    assert stored_refresh_token(both) == "refresh-1"


# --- the note of a refresh under way


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (400, b'{"error":"invalid_client"}', InvalidClient),
        (400, b'{"error":"unsupported_grant_type"}', BadRequest),
        (429, b"", Transient),
    ],
)
def test_the_note_of_a_refresh_goes_when_spotify_says_that_nothing_was_rotated(
    anna: TokenStore, accounts: Accounts, status: int, body: bytes, outcome: type[Exception]
) -> None:
    accounts.override = (status, body)
    with pytest.raises(outcome):
        anna.access_token("anna", app(accounts))
    assert (listener(anna).status, listener(anna).status_reason) == ("connected", None)


def test_the_note_stays_while_an_answer_is_lost_also_when_the_next_one_says_that_nothing_was_rotated(
    anna: TokenStore, accounts: Accounts
) -> None:
    note = "a token refresh begun at 2026-11-21 14:00 UTC has not ended"
    accounts.override = (502, b"<html>")
    with pytest.raises(Transient):
        anna.access_token("anna", app(accounts))
    assert listener(anna).status_reason == note
    accounts.override = (400, b'{"error":"invalid_client"}')
    later = replace(anna, clock=FixedClock(LATER + timedelta(minutes=30)))
    with pytest.raises(InvalidClient):
        later.access_token("anna", app(accounts))
    assert listener(anna).status_reason == note


# --- processes


def refresh_in_process(
    dsn: str, accounts_url: str, start: Barrier, results: "Queue[str]", rejected: str | None
) -> None:
    """What a child process does: waits for the others, then asks for anna's token."""
    ours = SpotifyApp("app", SecretStr("secret"), accounts_url, API)
    child = store(Warehouse(dsn))
    start.wait(60)
    try:
        results.put(child.access_token("anna", ours, rejected=rejected))
    except ReauthRequired as refused:
        results.put(str(refused))


@dataclass(frozen=True)
class Children:
    """Processes that ask for anna's token at the same moment. The barrier lives as long as somebody holds it."""

    processes: list[BaseProcess]
    results: "Queue[str]"
    barrier: Barrier

    def answers(self) -> list[str]:
        found = [self.results.get(timeout=60) for _ in self.processes]
        for process in self.processes:
            process.join(60)
        return found


def started(anna: TokenStore, accounts: Accounts, count: int, rejected: str | None = None) -> Children:
    context = get_context("spawn")
    barrier, results = context.Barrier(count), context.Queue()
    arguments = (anna.warehouse.dsn, accounts.url, barrier, results, rejected)
    processes: list[BaseProcess] = [context.Process(target=refresh_in_process, args=arguments) for _ in range(count)]
    for process in processes:
        process.start()
    return Children(processes, results, barrier)


def test_processes_that_need_a_token_at_once_refresh_it_once_and_nobody_is_logged_out(
    anna: TokenStore, accounts: Accounts
) -> None:
    accounts.delay = 0.3
    for turn, rejected in enumerate([None, "access-1"], start=1):
        assert started(anna, accounts, 2, rejected).answers() == [f"access-{turn}"] * 2
        assert (accounts.refreshes, accounts.refused) == (turn, 0)
    assert stored_refresh_token(anna) == "refresh-2"
    assert listener(anna).status == "connected"


def test_two_listeners_do_not_wait_for_each_other(anna: TokenStore, accounts: Accounts) -> None:
    answer = TokenAnswer(access_token=SecretStr("x"), refresh_token=SecretStr("refresh-b"), expires_in=0)
    anna.save_login("bert", answer, NOW, Profile(id="id-bert"), "UTC", API)
    accounts.rotating = False
    accounts.valid.add("refresh-b")
    accounts.before_answer = lambda: results.append(anna.access_token("bert", app(accounts)))
    results: list[str] = []
    results.append(anna.access_token("anna", app(accounts)))
    assert results == ["access-2", "access-1"]


def test_a_kill_between_the_answer_and_its_commit_shows_as_needs_login_with_that_reason(
    anna: TokenStore, accounts: Accounts
) -> None:
    rotated = threading.Event()
    accounts.before_answer = rotated.set
    accounts.delay = 5
    children = started(anna, accounts, 1)
    assert rotated.wait(60)
    children.processes[0].kill()
    children.processes[0].join(60)
    accounts.delay = 0
    with pytest.raises(ReauthRequired, match="begun at 2026-11-21 14:00 UTC has not ended"):
        replace(anna, clock=FixedClock(LATER + timedelta(minutes=30))).access_token("anna", app(accounts))
    assert listener(anna).status == "needs_login"
    assert listener(anna).status_reason == (
        "Refresh token revoked; a token refresh begun at 2026-11-21 14:00 UTC has not ended, "
        "so its answer, with the next token, may have been lost"
    )


def test_a_kill_before_spotify_is_asked_costs_nothing(anna: TokenStore, accounts: Accounts) -> None:
    with anna.warehouse.connect() as connection:
        stored.note_refresh_begun(connection, "anna", LATER)
    assert anna.access_token("anna", app(accounts)) == "access-1"
    assert (listener(anna).status, listener(anna).status_reason) == ("connected", None)


# --- Postgres goes away between the answer and its commit


@contextmanager
def admin(server: EmbeddedPostgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server.admin_dsn(), autocommit=True) as connection:
        yield connection


def cut(server: EmbeddedPostgres, warehouse: Warehouse) -> None:
    name = conninfo.conninfo_to_dict(warehouse.dsn)["dbname"]
    with admin(server) as connection:
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", (name,))


def allow(server: EmbeddedPostgres, warehouse: Warehouse, *, connections: bool) -> None:
    name = str(conninfo.conninfo_to_dict(warehouse.dsn)["dbname"])
    with admin(server) as connection:
        connection.execute(
            sql.SQL("alter database {} allow_connections {}").format(sql.Identifier(name), sql.Literal(connections))
        )


def test_a_rotated_token_outlives_a_lost_connection(
    anna: TokenStore, accounts: Accounts, postgres_server: EmbeddedPostgres
) -> None:
    accounts.before_answer = lambda: cut(postgres_server, anna.warehouse)
    assert anna.access_token("anna", app(accounts)) == "access-1"
    assert stored_refresh_token(anna) == "refresh-1"


def test_a_rotated_token_waits_for_postgres_to_come_back(
    anna: TokenStore, accounts: Accounts, postgres_server: EmbeddedPostgres
) -> None:
    def go_away() -> None:
        allow(postgres_server, anna.warehouse, connections=False)
        cut(postgres_server, anna.warehouse)
        threading.Timer(1, allow, (postgres_server, anna.warehouse), {"connections": True}).start()

    accounts.before_answer = go_away
    assert anna.access_token("anna", app(accounts)) == "access-1"
    assert stored_refresh_token(anna) == "refresh-1"


def test_who_was_marked_while_the_answer_waited_is_connected_again(
    anna: TokenStore, accounts: Accounts, postgres_server: EmbeddedPostgres
) -> None:
    def lose_the_lock_to_somebody() -> None:
        cut(postgres_server, anna.warehouse)
        with pytest.raises(ReauthRequired):
            anna.access_token("anna", app(accounts))
        assert listener(anna).status == "needs_login"

    accounts.before_answer = lose_the_lock_to_somebody
    assert anna.access_token("anna", app(accounts)) == "access-1"
    assert stored_refresh_token(anna) == "refresh-1"
    assert (listener(anna).status, listener(anna).status_reason) == ("connected", None)


def test_a_login_in_the_meantime_is_not_overwritten(
    anna: TokenStore, accounts: Accounts, postgres_server: EmbeddedPostgres
) -> None:
    def log_in() -> None:
        cut(postgres_server, anna.warehouse)
        answer = TokenAnswer(access_token=SecretStr("new"), refresh_token=SecretStr("refresh-new"))
        anna.save_login("anna", answer, LATER, Profile(id="id-anna"), "UTC", API)

    accounts.before_answer = log_in
    anna.access_token("anna", app(accounts))
    assert stored_refresh_token(anna) == "refresh-new"


def test_a_refusal_of_a_token_that_was_replaced_meanwhile_marks_nobody(anna: TokenStore) -> None:
    with anna.warehouse.connect() as connection:
        login = stored.read_login(connection, "anna")
        assert login
        connection.execute("update ops.tokens set refresh_token = 'another'")
        assert not stored.mark_needs_login(connection, login, "Refresh token revoked")
    assert listener(anna).status == "connected"


def test_when_postgres_stays_away_there_is_a_sentence_with_the_way_back(
    anna: TokenStore, accounts: Accounts, postgres_server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    def go_away() -> None:
        allow(postgres_server, anna.warehouse, connections=False)
        cut(postgres_server, anna.warehouse)

    monkeypatch.setattr(tokens, "SAVE_SECONDS", 0.5)
    accounts.before_answer = go_away
    before = time.monotonic()
    with pytest.raises(WarehouseUnavailable, match="log in again with `spotify-assets login anna`"):
        anna.access_token("anna", app(accounts))
    assert time.monotonic() - before < 5
    allow(postgres_server, anna.warehouse, connections=True)
    with pytest.raises(ReauthRequired, match="has not ended"):
        anna.access_token("anna", app(accounts))


def test_a_token_that_did_not_rotate_does_not_wait_for_postgres(
    anna: TokenStore, accounts: Accounts, postgres_server: EmbeddedPostgres
) -> None:
    accounts.rotating = False
    accounts.before_answer = lambda: cut(postgres_server, anna.warehouse)
    with pytest.raises(WarehouseUnavailable, match="went away"):
        anna.access_token("anna", app(accounts))
    assert anna.access_token("anna", app(accounts)) == "access-2"


def test_the_times_of_a_listener_are_in_utc(anna: TokenStore) -> None:
    assert listener(anna) == Listener(
        user_id="anna",
        account_id="id-anna",
        display_name=None,
        time_zone="Europe/Berlin",
        status="connected",
        status_reason=None,
        api_url=API,
        connected_at=NOW,
        consented_at=NOW,
        polled_at=None,
    )
    assert listener(anna).connected_at.astimezone(UTC) == NOW
