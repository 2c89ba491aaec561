"""What `housekeeping` deletes of Dagster's history, and what it leaves, on SQLite and on Postgres."""

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import text

from spotify_assets.automation.housekeeping import housekeeping_job
from spotify_assets.automation.old_runs import _events
from spotify_assets.cli.runs import QUIET
from spotify_assets.modelling.project import find_project
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.world import prepare

LATER = timedelta(days=31)


@dg.asset(partitions_def=dg.StaticPartitionsDefinition(["monday", "tuesday"]))
def by_day(context: dg.AssetExecutionContext) -> None:
    if context.run.tags.get("fails"):
        raise dg.Failure("on purpose", allow_retries=False)


@dg.asset
def whole() -> None: ...


@dg.asset_check(asset=whole)
def is_whole() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@dg.asset_check(asset=whole)
def asked_once() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True)


@pytest.fixture(params=["SQLite", "Postgres"])
def instance(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    new_warehouse: Callable[[], Warehouse],
) -> Iterator[dg.DagsterInstance]:
    home = tmp_path / "home"
    prepare(home)
    monkeypatch.setenv("SPOTIFY_ASSETS_HOME", str(home))
    history = home / "dagster"
    history.mkdir(parents=True)
    config = "telemetry: {enabled: false}\n"
    if request.param == "Postgres":
        config += f"storage: {{postgres: {{postgres_url: '{new_warehouse().dsn}'}}}}\n"
    (history / "dagster.yaml").write_text(config)
    with dg.DagsterInstance.from_config(str(history)) as made:
        yield made


def run(instance: dg.DagsterInstance, *assets: object, day: str | None = None, **tags: str) -> str:
    done = dg.materialize(
        assets,  # type: ignore[arg-type]
        instance=instance,
        partition_key=day,
        tags=tags,
        raise_on_error=False,
        run_config=QUIET,
    )
    return done.run_id


def keep_house(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, **config: int) -> dict[str, object]:
    """Runs the job a month later, and returns what it says of itself."""
    monkeypatch.setenv("SPOTIFY_API_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("SPOTIFY_ASSETS_CLOCK", (datetime.now(UTC) + LATER).isoformat())
    from spotify_assets import settings

    settings.settings.cache_clear()
    ops = {"ops": {"delete_what_is_old": {"config": config}}} if config else {}
    done = housekeeping_job().execute_in_process(instance=instance, run_config={**QUIET, **ops})
    [output] = [event.step_output_data for event in done.all_events if event.is_successful_output]
    return {name: value.value for name, value in output.metadata.items()}


def ids(instance: dg.DagsterInstance) -> set[str]:
    return {one.run_id for one in instance.get_runs() if one.job_name != "housekeeping"}


def test_old_runs_go_and_what_the_ui_shows_stays(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    once = run(instance, whole, is_whole, asked_once)
    first = [run(instance, by_day, day=day) for day in ("monday", "tuesday")]
    second = run(instance, by_day, day="tuesday")
    failed = run(instance, by_day, day="monday", fails="yes")
    again = [run(instance, whole, is_whole) for _ in range(3)]
    under_way = instance.create_run_for_job(dg.job(name="hanging")(lambda: None), status=dg.DagsterRunStatus.STARTED)

    told = keep_house(instance, monkeypatch)

    gone = [first[1], failed, *again[:-1]]
    kept = {once, first[0], second, again[-1]}
    assert ids(instance) == {*kept, under_way.run_id}
    assert (told["runs"], told["runs_kept"]) == (4, 4)
    assert str(told["what_happened"]).startswith("4 runs from before ")
    assert instance.get_materialized_partitions(by_day.key) == {"monday", "tuesday"}
    latest = instance.get_latest_materialization_event(whole.key)
    assert latest is not None
    assert latest.run_id == again[-1]
    with _events(instance).index_connection() as connection:
        events = text("select count(*) from event_logs where run_id = :run_id")
        assert [connection.execute(events, {"run_id": name}).scalar() for name in gone] == [0] * len(gone)
    home = Path(instance.root_directory)
    left = {path for path in home.rglob("*") for name in gone if name in path.name}
    assert not left, "nothing of a deleted run stays on the disk"
    for each in kept:
        assert list(instance.all_logs(each)) != []


def test_a_run_of_housekeeping_deletes_so_many_and_the_next_one_goes_on(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [run(instance, whole) for _ in range(5)]

    first = keep_house(instance, monkeypatch, most_runs=3)
    assert first["runs"] == 3
    assert str(first["what_happened"]).endswith("there are more, which go in the next runs.")
    assert ids(instance) == set(runs[3:]), "the oldest went"
    keep_house(instance, monkeypatch, most_runs=3)
    assert ids(instance) == {runs[-1]}


def test_what_is_younger_stays(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = {run(instance, whole) for _ in range(2)}
    assert keep_house(instance, monkeypatch, days=40)["runs"] == 0
    assert ids(instance) == runs


def test_what_dbt_wrote_for_code_of_long_ago_goes(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    targets = find_project(tmp_path / "home").target
    for name, age in (("of_old_code", 60), ("of_last_week", -10)):
        folder = targets.parent / name
        folder.mkdir()
        at = time.time() - age * 86400
        os.utime(folder, (at, at))

    assert keep_house(instance, monkeypatch)["dbt_folders"] == 1
    assert {path.name for path in targets.parent.iterdir() if path.is_dir()} == {targets.name, "of_last_week"}
