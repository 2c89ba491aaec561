"""Fixtures that every part's tests share: the real inputs, a real Postgres, a lake in a folder and on S3."""

import fcntl
import gc
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import psycopg
import pytest
from moto.server import ThreadedMotoServer
from psycopg import conninfo, sql
from xdist.scheduler import LoadScopeScheduling

from spotify_assets import settings as settings_module
from spotify_assets.clock import FixedClock
from spotify_assets.modelling.project import find_project
from spotify_assets.modelling.session import BuildSession
from spotify_assets.settings import Settings
from spotify_assets.storage.embedded import ROLE, EmbeddedPostgres
from spotify_assets.storage.lake import Lake, open_lake
from spotify_assets.storage.postgres_programs import reachable_programs
from spotify_assets.storage.warehouse import Warehouse, open_warehouse
from spotify_assets_tests import world
from spotify_assets_tests.databases import DatabasePool, create_database, database_dsn
from spotify_assets_tests.sizes import size

_REPOSITORY = Path(__file__).resolve().parent.parent
_MIGRATED, _BUILT = "migrated", "built"
_FIRST_BUILD = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))
_numbers = count(1)
_outcomes = pytest.StashKey[str]()
_MEMORY = Path("/dev/shm")  # noqa: S108
_ROOM = 6 * 1024**3


def pytest_configure() -> None:
    """Homes of tests lie in memory where there is room: half of the time Dagster's SQLite would wait for the disk."""
    gc.set_threshold(50_000, 20, 20)  # a worker that has imported everything looks through it for a second each time
    if _MEMORY.is_dir() and os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free > _ROOM:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))


_LONGEST = (
    "test_month",
    "test_a_reader_sees_only_totals",
    "test_ui",
    "test_each_real_poll",
    "test_no_secret_lies",
    "deployment/test_stack",
    "test_demo_fills",
    "test_by_itself",
    "test_postgres_lost_while_dbt",
    "test_killed_tick",
    "test_matches_are_those",
    "test_dagster_s_daemon",
    "test_nightly",
    "test_freshness",
    "test_every_check",
    "test_readers",
    "test_building",
    "test_a_past_day_is_loaded_again",
    "test_marts_in_pandas",
    "test_any_order_of_things",
    "takeout/",
    "test_kills",
    "test_definitions",
    "test_within_a_budget",
    "test_reconciliation",
    "test_one_truth",
    "test_recordings",
    "test_erasure",
    "test_two_at_once",
    "cli/test_import",
    "modelling/",
    "test_export_inbox",
    "test_failures",
    "test_logins_that_last",
    "test_genres",
    "test_enrichment",
)
_SHARING = ("takeout/", "test_definitions", "simulator/test_export", "simulator/test_listener")
"""Whose tests share what takes longer to make than they do: one worker runs all of them."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves what takes long to the soak; of the rest the longest come first, so that no core waits at the end."""
    chosen = [item for item in items if item.get_closest_marker("soak") is None or size(False, True)]
    config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
    items[:] = chosen
    ranks = {name: rank for rank, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: min((ranks[name] for name in ranks if name in item.nodeid), default=len(ranks)))


class _Spread(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types for it
    """Tests that share something dear go to one worker, each of the others to the next that is free.

    What xdist offers for this, `--dist loadgroup`, does nothing under pytest 9.2: it writes where that no longer reads.
    """

    def _split_scope(self, nodeid: str) -> str:
        return next((name for name in _SHARING if name in nodeid), nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> _Spread:
    return _Spread(config, log)


def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are cores: many tests wait for a daemon, a server, or a time to pass."""
    return (os.cpu_count() or 1) + 2


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Counts what was skipped too: a run without the real inputs must not look like a whole one."""
    passed, failed, errors, skipped = (
        len(terminalreporter.stats.get(kind, [])) for kind in ("passed", "failed", "error", "skipped")
    )
    config.stash[_outcomes] = f"{passed} passed, {failed + errors} failed, {skipped} skipped"


def pytest_unconfigure(config: pytest.Config) -> None:
    """The last line of a run."""
    if _outcomes in config.stash:
        print(config.stash[_outcomes])


@pytest.fixture(autouse=True)
def _nothing_from_the_shell(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No test sees what the person who runs it has configured."""
    for name, described in Settings.model_fields.items():
        monkeypatch.delenv(str(described.validation_alias or name).upper(), raising=False)
    settings_module.settings.cache_clear()
    yield
    settings_module.settings.cache_clear()


@pytest.fixture(scope="session", autouse=True)
def _prepared(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All workers of a session parse the dbt project once; see `world.prepare`."""
    world.prepared = _of_all_workers(tmp_path_factory) / "prepared_home"


def _of_all_workers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real exports, recorded polls and descriptions; it is not part of the repository."""
    folder = Path(os.environ.get("REAL_DATA", _REPOSITORY / "../shared/real")).resolve()
    if not folder.is_dir():
        pytest.skip(f"the real inputs are not on this machine ({folder}; REAL_DATA names another folder)")
    return folder


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """An embedded server of this test session, with a migrated database to copy from."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres_home"))
    server.start()
    try:
        create_database(server, _MIGRATED)
        Warehouse(database_dsn(server, _MIGRATED)).migrate()
        _hurry(server)
        yield server
    finally:
        server.destroy()


def _hurry(server: EmbeddedPostgres) -> None:
    """Nobody cuts this server's power or guesses its password: no commit waits for the disk, no login for SCRAM."""
    password = str(conninfo.conninfo_to_dict(server.dsn())["password"])
    with psycopg.connect(server.admin_dsn(), autocommit=True) as admin:
        admin.execute("alter role all set synchronous_commit = off")
        admin.execute("set scram_iterations = 1")
        admin.execute(sql.SQL("alter role {} password {}").format(sql.Identifier(ROLE), sql.Literal(password)))


@pytest.fixture(scope="session")
def databases(postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> DatabasePool:
    """The databases that the tests of this session hand on, with the models built of nothing.

    A first build is slow: one worker makes it, and the others copy it.
    """
    folder = _of_all_workers(tmp_path_factory)
    dump = folder / "built.dump"
    with (folder / "built.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if dump.exists():
            create_database(postgres_server, _BUILT)
            _postgres_program("pg_restore", "--exit-on-error", "--dbname", _as_admin(postgres_server), dump)
        else:
            create_database(postgres_server, _BUILT, _MIGRATED)
            _build_of_nothing(postgres_server, tmp_path_factory.mktemp("built_home"))
            _postgres_program("pg_dump", "--format=custom", "--file", dump, _as_admin(postgres_server))
    return DatabasePool(postgres_server, _BUILT)


def _build_of_nothing(server: EmbeddedPostgres, home: Path) -> None:
    world.prepare(home)
    build = BuildSession(Warehouse(database_dsn(server, _BUILT)), _FIRST_BUILD, find_project(home))
    for outcome in (build.audit(), build.marts()):
        assert not outcome.broken
    build.close()


def _as_admin(server: EmbeddedPostgres) -> str:
    return conninfo.make_conninfo(server.admin_dsn(), dbname=_BUILT)


def _postgres_program(name: str, *arguments: str | Path) -> None:
    subprocess.run([reachable_programs() / name, *arguments], check=True, capture_output=True)


@pytest.fixture
def new_warehouse(postgres_server: EmbeddedPostgres, databases: DatabasePool) -> Iterator[Callable[[], Warehouse]]:
    """Makes warehouses where nothing happened but a build, that are gone or as they were again after the test."""
    with databases.lending() as lend:
        yield lambda: open_warehouse(Settings(database_url=database_dsn(postgres_server, lend())))


@pytest.fixture
def warehouse(new_warehouse: Callable[[], Warehouse]) -> Warehouse:
    """A warehouse of its own for each test."""
    return new_warehouse()


@pytest.fixture(scope="session")
def unbuilt_databases(postgres_server: EmbeddedPostgres) -> DatabasePool:
    """Such that are migrated, and nothing else."""
    return DatabasePool(postgres_server, _MIGRATED)


@pytest.fixture
def unbuilt_warehouse(postgres_server: EmbeddedPostgres, unbuilt_databases: DatabasePool) -> Iterator[Warehouse]:
    """A warehouse in which nothing was ever built."""
    with unbuilt_databases.lending() as lend:
        yield open_warehouse(Settings(database_url=database_dsn(postgres_server, lend())))


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The address of a real S3 API over HTTP, in this process."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    server.start()
    yield f"http://127.0.0.1:{server._port}"
    server.stop()


@pytest.fixture
def s3_environment(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the usual AWS variables need to hold for `s3_server`; returns its address."""
    use_s3(monkeypatch, s3_server)
    return s3_server


@pytest.fixture(params=["folder", "s3"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """An empty lake, once in a folder and once on S3."""
    if request.param == "folder":
        return open_lake(Settings(SPOTIFY_ASSETS_HOME=tmp_path / "lake_home"))
    request.getfixturevalue("s3_environment")
    return open_lake(
        Settings(SPOTIFY_ASSETS_HOME=tmp_path / "lake_home", lake_url=f"s3://lake-{next(_numbers)}/some/prefix")
    )


def use_s3(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Sets the usual AWS variables for a server at `address`."""
    for name, value in {
        "AWS_ENDPOINT_URL_S3": address,
        "AWS_ACCESS_KEY_ID": "somebody",
        "AWS_SECRET_ACCESS_KEY": "canary-s3-secret",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }.items():
        monkeypatch.setenv(name, value)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
