"""Every check passes where all is well, and fails when it should: those in Python, and those that dbt's tests are."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import psycopg
import pytest
import requests

from spotify_assets.cli.runs import QUIET
from spotify_assets.clock import Clock, FixedClock
from spotify_assets.definitions import defs
from spotify_assets.listening.exports.inbox import open_inbox
from spotify_assets.modelling.project import find_project
from spotify_assets.settings import settings
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.storage.embedded import EmbeddedPostgres
from spotify_assets.storage.lake import open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.checks.broken_models import ModelTest, damages, stand_in
from spotify_assets_tests.checks.damage import BY_RUN, BY_STATEMENT
from spotify_assets_tests.checks.good_world import NOW, Evaluations, GoodWorld, by_name, good_world
from spotify_assets_tests.checks.page import all_checks
from spotify_assets_tests.checks.undone import undone
from spotify_assets_tests.databases import create_database, database_dsn
from spotify_assets_tests.ticks import fault, no_faults
from spotify_assets_tests.world import prepare

_OF_DBT = "dagster_dbt/unique_id"
EMPTY = {"recording_corrections"}
"""A seed that people fill by hand: its test is asked about a made-up row."""


@pytest.fixture
def good(postgres_server: EmbeddedPostgres, tmp_path: Path) -> Iterator[GoodWorld]:
    create_database(postgres_server, "checked", template="migrated")
    with good_world(Warehouse(database_dsn(postgres_server, "checked")), tmp_path / "home") as made:
        yield made


def test_every_check_has_its_way_to_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPOTIFY_ASSETS_HOME", str(tmp_path))
    prepare(tmp_path)
    ours = {name for name, spec in all_checks(defs()).items() if _OF_DBT not in spec.metadata}
    assert {*BY_STATEMENT, *BY_RUN} == ours


def test_every_check_passes_where_all_is_well_and_fails_when_it_should(good: GoodWorld) -> None:
    """One test, for the good world takes longer to make than all of this."""
    stored_rows_are_asked(good)
    models_are_tested(good)
    assets_tell_who_refused(good)


def stored_rows_are_asked(good: GoodWorld) -> None:
    """The checks that can be started without their asset, each after what makes it fail."""
    good.world.settings()
    definitions = defs()
    specs = all_checks(definitions)

    passing = asked(definitions, good, [specs[name] for name in BY_STATEMENT])
    assert {name: found.description for name, found in passing.items() if not found.passed} == {}
    assert set(passing) == set(BY_STATEMENT)
    assert {name: good.made[name].passed for name in BY_RUN} == dict.fromkeys(BY_RUN, True)

    wrong: dict[str, object] = {}
    for name, broken in BY_STATEMENT.items():
        if broken.deed:
            broken.deed(good)
        found = asked(definitions, good, [specs[name]], broken.statement, FixedClock(broken.now))[name]
        said = str(specs[name].metadata["severity"])
        if found.passed or broken.says not in str(found.description) or found.severity.value not in said:
            wrong[name] = (found.passed, found.severity, found.description)
    assert wrong == {}


def asked(
    definitions: dg.Definitions,
    good: GoodWorld,
    specs: list[dg.AssetCheckSpec],
    statement: str = "",
    clock: Clock = FixedClock(NOW),  # noqa: B008 - a moment that stands still
) -> Evaluations:
    """What checks say, run by Dagster without their assets, after a statement that is undone again."""
    job = dg.Definitions.merge(
        definitions,
        dg.Definitions(
            jobs=[dg.define_asset_job("asked", selection=dg.AssetSelection.checks(*(spec.key for spec in specs)))]
        ),
    ).resolve_job_def("asked")
    chosen = settings()
    with undone(good.world.warehouse) as warehouse:
        if statement:
            warehouse.connect().execute(statement.encode())
        result = job.execute_in_process(
            run_config=QUIET,
            resources={
                "warehouse": warehouse,
                "lake": open_lake(chosen),
                "inbox": open_inbox(chosen),
                "clock": clock,
                "spotify": SpotifyAccess.open(chosen, warehouse, clock),
            },
            raise_on_error=False,  # a blocking check that fails ends the run
        )
    return by_name(result)


def models_are_tested(good: GoodWorld) -> None:
    """dbt's tests, each on each row that should break it."""
    manifest = find_project(good.world.settings().home_path).manifest()
    nodes = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "test"}
    shown = {spec.metadata[_OF_DBT] for spec in all_checks(defs()).values() if _OF_DBT in spec.metadata}
    assert shown == set(nodes) == set(good.tests)
    assert {found.name: found.message for found in good.tests.values() if found.status != "pass"} == {}

    wrong: dict[str, object] = {}
    count = 0
    with psycopg.connect(good.world.warehouse.dsn, autocommit=True) as connection:
        for key, node in nodes.items():
            sql = Path(str(good.tests[key].compiled_path)).read_text()
            test = ModelTest(node, manifest["nodes"][node["attached_node"]], sql)
            with connection.transaction(force_rollback=True):
                rows = stand_in(connection, test)
                if test.model["name"] in EMPTY:
                    connection.execute(f"insert into {test.relation} values ('a', 'b')".encode())
                elif not rows:
                    wrong[node["name"]] = "the good world has no row of it"
                    continue
                if test.kind != "unique_index" and test.bad_rows(connection):
                    wrong[node["name"]] = "fails on a copy of good rows"
                for damage in list(damages(connection, test)):
                    count += 1
                    with connection.transaction(force_rollback=True):
                        connection.execute(damage.encode())
                        if not test.bad_rows(connection):
                            wrong[f"{node['name']}: {damage}"] = "passes"
    assert wrong == {}
    assert count > len(nodes)


def assets_tell_who_refused(good: GoodWorld) -> None:
    """The checks that assets make themselves, when somebody outside refuses. What the runs store stays."""
    world = good.world
    wrong: dict[str, object] = {}
    now = NOW
    for name, refusing in BY_RUN.items():
        now += refusing.later + timedelta(minutes=30)
        world.at(now)
        with world.warehouse.connect() as connection:
            if refusing.statement:
                connection.execute(refusing.statement.encode())
        whom = str(world.rows(refusing.whom)[0][0]) if refusing.whom else ""
        what = refusing.fault.model_dump(mode="json")
        fault(world, **what | {"path": refusing.fault.path.replace("ID", whom)})
        tier = "new_dev" if refusing.without_batches else "extended"
        requests.post(f"{world.simulator.url}/_sim/app", json={"tier": tier}, timeout=10).raise_for_status()
        found = good.run(refusing.job, refusing.asset)[name]
        no_faults(world)
        if found.passed or refusing.says not in str(found.description):
            wrong[name] = (found.passed, found.description)
    assert wrong == {}
