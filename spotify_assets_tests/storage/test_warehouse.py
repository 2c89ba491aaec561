"""A warehouse is reached and brought up to date, or says in one sentence why not."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import psycopg
import pytest

from spotify_assets.errors import SettingsError, UserError, WarehouseUnavailable
from spotify_assets.settings import Settings
from spotify_assets.storage.embedded import EmbeddedPostgres
from spotify_assets.storage.migrations import Migration, known_migrations, migrate
from spotify_assets.storage.warehouse import Warehouse, open_warehouse
from spotify_assets_tests.conftest import free_port
from spotify_assets_tests.databases import create_database, database_dsn

_numbers = count(1)


@pytest.fixture
def empty_dsn(postgres_server: EmbeddedPostgres) -> str:
    name = f"empty_{next(_numbers)}"
    create_database(postgres_server, name)
    return database_dsn(postgres_server, name)


def sentence(error: UserError) -> str:
    text = str(error)
    assert "\n" not in text
    assert "canary" not in text
    return text


def test_opening_applies_every_migration_once(empty_dsn: str) -> None:
    warehouse = open_warehouse(Settings(database_url=empty_dsn))

    with warehouse.connect() as connection:
        assert connection.execute("select to_regclass('raw.plays')::text").fetchone() == ("raw.plays",)
        applied = connection.execute("select name from public.spotify_assets_migrations order by number").fetchall()
    assert applied == [(step.name,) for step in known_migrations()]
    assert warehouse.migrate() == []


def test_two_processes_and_four_threads_may_migrate_at_once(empty_dsn: str) -> None:
    code = "import sys; from spotify_assets.storage.warehouse import Warehouse; Warehouse(sys.argv[1]).migrate()"
    processes = [subprocess.Popen([sys.executable, "-c", code, empty_dsn], stderr=subprocess.PIPE) for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(lambda _: Warehouse(empty_dsn).migrate(), range(4)))

    assert [process.communicate()[1] for process in processes] == [b"", b""]
    assert sum(len(names) for names in applied) in (0, len(known_migrations()))


def test_a_migration_that_fails_leaves_nothing_behind(empty_dsn: str) -> None:
    steps = [Migration(1, "0001_a.sql", "create table a (n int)"), Migration(2, "0002_b.sql", "select 1 / 0")]
    with pytest.raises(psycopg.errors.DivisionByZero), psycopg.connect(empty_dsn) as connection:
        migrate(connection, "here", steps)

    with psycopg.connect(empty_dsn) as connection:
        assert connection.execute("select to_regclass('a')").fetchone() == (None,)
        assert migrate(connection, "here", steps[:1]) == ["0001_a.sql"]


def test_a_database_newer_than_the_program_is_refused(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        connection.execute("insert into public.spotify_assets_migrations values (9999, '9999_later.sql')")

    with pytest.raises(WarehouseUnavailable, match="newer version of spotify-assets") as caught:
        warehouse.migrate()
    sentence(caught.value)


@pytest.mark.parametrize("obstacle", ["privilege", "read only"])
def test_a_database_that_may_not_be_changed_is_said_in_a_sentence(
    postgres_server: EmbeddedPostgres, empty_dsn: str, obstacle: str
) -> None:
    name = empty_dsn.rsplit("/", 1)[1]
    statement = {
        "privilege": f"alter database {name} owner to spotify_admin",
        "read only": f"alter database {name} set default_transaction_read_only = on",
    }[obstacle]
    with psycopg.connect(postgres_server.admin_dsn(), autocommit=True) as admin:
        admin.execute(statement.encode())

    with pytest.raises(WarehouseUnavailable, match="does not let pipeline create its tables") as caught:
        open_warehouse(Settings(database_url=empty_dsn))
    sentence(caught.value)


def test_an_unreachable_database_is_named_without_its_password() -> None:
    port = free_port()
    with pytest.raises(WarehouseUnavailable) as caught:
        open_warehouse(Settings(database_url=f"postgresql://somebody:canary@127.0.0.1:{port}/music"))

    assert f"127.0.0.1:{port}, database music" in sentence(caught.value)


def test_a_wrong_password_is_named_without_showing_it(postgres_server: EmbeddedPostgres) -> None:
    host = postgres_server.dsn().split("@")[1]
    with pytest.raises(WarehouseUnavailable, match="password authentication failed") as caught:
        open_warehouse(Settings(database_url=f"postgresql://pipeline:canary@{host}"))
    sentence(caught.value)


@pytest.mark.parametrize("host", ["h:x y/db", "h:canary/db", "%zz"])
@pytest.mark.parametrize("password", ["canary", "canary/1", "canary?", "canary#@"])
def test_an_address_that_can_t_be_read_is_refused_without_repeating_it(host: str, password: str) -> None:
    with pytest.raises(SettingsError) as caught:
        open_warehouse(Settings(database_url=f"postgresql://u:{password}@{host}"))
    sentence(caught.value)
    assert caught.value.__cause__ is None


def test_a_session_speaks_utc_and_names_the_program(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        assert connection.execute("show timezone").fetchone() == ("UTC",)
        assert connection.execute("show application_name").fetchone() == ("spotify_assets",)
        assert connection.autocommit is False


def test_the_password_is_in_no_repr(warehouse: Warehouse) -> None:
    password = warehouse.dsn.split(":")[2].split("@")[0]

    assert password not in repr(warehouse)
    assert password not in warehouse.where


def test_a_connection_that_the_server_ends_says_so_in_a_sentence(
    warehouse: Warehouse, postgres_server: EmbeddedPostgres
) -> None:
    def lose_it() -> None:
        with warehouse.connect() as connection, psycopg.connect(postgres_server.admin_dsn()) as admin:
            admin.execute("select pg_terminate_backend(%s)", (connection.info.backend_pid,))
            connection.execute("select pg_sleep(1)")

    with pytest.raises(WarehouseUnavailable, match="went away") as caught:
        lose_it()
    sentence(caught.value)
