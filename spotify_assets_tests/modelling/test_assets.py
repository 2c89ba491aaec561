"""The models as Dagster assets, materialized in this process."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg
import pytest

from spotify_assets.listening.preview import hours_of, newest_plays
from spotify_assets.modelling.assets import build_dbt_assets, dbt_builds
from spotify_assets.modelling.project import Project
from spotify_assets.modelling.shown_charts import CHARTS
from spotify_assets.storage.sharing import NOT_SHOWN
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.modelling.conftest import CLOCK, Builder, Raw


@dg.asset
def raw_plays() -> None:
    """Stands for the load of polls."""


@dg.asset
def streaming_history() -> None:
    """Stands for the load of exports."""


@dg.asset
def track_metadata() -> None:
    """Stands for the load of tracks and albums."""


@dg.asset
def artist_metadata() -> None:
    """Stands for the load of artists and genres."""


@dg.asset
def global_top_50() -> None:
    """Stands for the load of charts."""


SOURCES = [raw_plays, streaming_history, track_metadata, artist_metadata, global_top_50]


def _definitions(warehouse: Warehouse, project: Project) -> dg.Definitions:
    return dg.Definitions(
        assets=[*SOURCES, *build_dbt_assets(project)],
        resources={"warehouse": warehouse, "clock": CLOCK, "dbt_builds": dbt_builds(project)},
        jobs=[
            dg.define_asset_job("everything"),
            dg.define_asset_job("marts_only", selection=dg.AssetSelection.assets("top_tracks", "fct_plays")),
            dg.define_asset_job("checks_only", selection=dg.AssetSelection.all_asset_checks()),
        ],
        executor=dg.in_process_executor,
    )


def _run(
    warehouse: Warehouse, project: Project, job: str = "everything", *, succeeds: bool = True
) -> dg.ExecuteInProcessResult:
    definitions = _definitions(warehouse, project)
    result = definitions.resolve_job_def(job).execute_in_process(raise_on_error=False)
    assert result.success == succeeds
    return result


def _metadata(result: dg.ExecuteInProcessResult) -> dict[str, Mapping[str, dg.MetadataValue[Any]]]:
    return {
        event.asset_key.to_user_string(): event.step_materialization_data.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key
    }


def test_assets_carry_group_owner_kinds_description_and_checks(project: Project) -> None:
    audit, marts = build_dbt_assets(project)
    groups = {spec.group_name for definition in (audit, marts) for spec in definition.specs}
    assert groups == {"staging", "intermediate", "marts"}
    for spec in [*audit.specs, *marts.specs]:
        assert list(spec.owners) == ["team:listening"]
        assert "dbt" in spec.kinds
        assert (spec.description or "").startswith("One row")
    checked = {check.asset_key for check in marts.check_specs}
    assert checked == {spec.key for spec in marts.specs}
    sources = {dep.asset_key for spec in audit.specs for dep in spec.deps} - {spec.key for spec in audit.specs}
    assert sources == {source.key for source in SOURCES}


def test_a_build_shows_rows_columns_and_previews_and_a_quiet_run_says_why_it_did_nothing(
    unbuilt_warehouse: Warehouse, project: Project, capfd: pytest.CaptureFixture[str]
) -> None:
    Raw(unbuilt_warehouse).load(
        [("ada", "2026-03-01 10:00:00+00", "a"), ("ada", "2026-03-01 11:00:00+00", "a")],
        tracks={"a": ("Pipe | Dream", 180_000, None, ["x"])},
        artists={"x": "The X"},
    )
    first = _run(unbuilt_warehouse, project)
    shown = _metadata(first)
    sources = {source.key.to_user_string() for source in SOURCES}
    assert set(shown) == {name for _, name in project.relations()} | sources | {"recording_corrections"}
    plays = shown["fct_plays"]
    assert plays["dagster/row_count"].value == 2
    assert plays["rows_written"].value == 2
    schema = plays["dagster/column_schema"].value
    assert isinstance(schema, dg.TableSchema)
    assert schema.columns[0].name == "play_id"
    assert schema.columns[0].type == "text"
    assert "Pipe \\| Dream" in str(plays["preview"].value)
    assert "| 1 | The X | 2 | 6 |" in str(shown["top_artists"]["preview"].value)
    marts = {name for schema, name in project.relations() if schema == "marts"}
    assert {name for name in marts if "preview" not in shown[name]} == set()
    assert set(CHARTS) == marts
    counted = {name for name in marts if "dagster/row_count" in shown[name]}  # without views that take long just now
    assert counted >= {"fct_plays", "track_days", "sessions", "coverage", "top_tracks", "dim_artists"}
    assert str(shown["listening_clock"]["chart"].value) == "··········██············ (minutes by hour, from midnight)"
    of_nothing = {name for name in CHARTS if "chart" not in shown[name]}
    assert of_nothing == {
        "artist_genres",
        "chart_firsts",
        "chart_history",
        "chart_overlap",
        "coverage",
        "dim_albums",
        "dim_artists",
        "dim_recordings",
        "dim_tracks",
        "exclusion_effects",
        "exclusion_rules",
        "listener_zones",
        "obsessions",
        "period_coverage",
        "top_albums",
    }
    checks = first.get_asset_check_evaluations()
    assert len(checks) > 40
    assert all(check.passed for check in checks)

    quiet = _metadata(_run(unbuilt_warehouse, project))
    assert set(quiet) == set(shown)
    assert quiet["fct_plays"]["rows_written"].value == 0
    assert quiet["fct_plays"]["dagster/row_count"].value == 2
    assert "Nothing changed" in str(quiet["fct_plays"]["why"].value)
    assert Builder(unbuilt_warehouse, project).rows("select count(*) from ops.builds") == [(1,)]
    assert "Running with dbt" not in capfd.readouterr().out


@pytest.mark.soak
def test_a_tick_s_build_reaches_the_marts(warehouse: Warehouse, project: Project, raw: Raw, builder: Builder) -> None:
    """What an incremental build leaves alone must not keep Dagster from the steps after it."""
    for hour in (10, 11):
        raw.load([("ada", f"2026-03-01 {hour}:00:00+00", "a")], tracks={"a": ("A", 1000, None, ["x"])})
        result = _run(warehouse, project)
        assert [event.step_key for event in result.all_events if event.is_step_skipped] == []
        assert set(_metadata(result)) >= {name for _, name in project.relations()} | {"recording_corrections"}
    assert builder.rows("select count(*) from marts.fct_plays") == [(2,)]


def test_plays_of_several_listeners_are_not_shown_in_previews(warehouse: Warehouse, project: Project, raw: Raw) -> None:
    raw.load([("ada", "2026-03-01 10:00:00+00", "a"), ("bob", "2026-03-01 10:00:00+00", "b")])
    shown = _metadata(_run(warehouse, project))
    for name in ("fct_plays", "top_tracks", "top_artists", "dim_tracks", "dim_artists"):
        assert "several listeners" in str(shown[name]["preview"].value)


def test_nor_are_the_plays_of_the_only_one_of_several_who_played(
    warehouse: Warehouse, project: Project, raw: Raw
) -> None:
    """Whoever reads the history of runs would know whose they are."""
    raw.load([("ada", "2026-03-01 10:00:00+00", "secret")], tracks={"secret": ("Secret Song", 1, None, ["x"])})
    raw.listener("ada", "UTC")
    assert "Secret Song" in str(_metadata(_run(warehouse, project)))
    assert "Secret Song" in newest_plays(warehouse)
    assert "1 plays" in hours_of(warehouse, date(2026, 3, 1))
    raw.listener("bob", "UTC")
    assert "Secret Song" not in str(_metadata(_run(warehouse, project)))
    assert newest_plays(warehouse) == hours_of(warehouse, date(2026, 3, 1)) == NOT_SHOWN


def test_a_failed_audit_fails_its_op_and_the_marts_do_not_run(warehouse: Warehouse, project: Project, raw: Raw) -> None:
    raw.load([("ada", "2026-03-01 10:00:00+00", "")])
    result = _run(warehouse, project, succeeds=False)
    failed = [event for event in result.all_events if event.is_step_failure]
    assert [event.step_key for event in failed] == ["dbt_audit"]
    error = failed[0].step_failure_data.user_failure_data
    assert error
    assert "stg_plays_track_key_is_not_empty" in str(error.description)
    assert "the marts stay as they were" in str(error.description)
    assert [check.check_name for check in result.get_asset_check_evaluations() if not check.passed] == [
        "track_key_is_not_empty"
    ]


def test_marts_asked_for_alone_are_audited_first(
    warehouse: Warehouse, project: Project, raw: Raw, builder: Builder
) -> None:
    raw.load([("ada", "2026-03-01 10:00:00+00", "a")])
    assert set(_metadata(_run(warehouse, project, "marts_only"))) == {"fct_plays", "top_tracks"}
    assert builder.build().kind == "skipped"


def test_checks_asked_for_alone_test_all_rows_and_build_nothing(
    warehouse: Warehouse, project: Project, raw: Raw
) -> None:
    raw.load([("ada", "2026-03-01 10:00:00+00", "a")])
    _run(warehouse, project)
    raw.load([("ada", "2026-01-01 10:00:00+00", "")], announce=False)
    result = _run(warehouse, project, "checks_only")  # a check that is asked for alone fails, and not its run
    assert _metadata(result) == {}
    errors = [
        check.check_name
        for check in result.get_asset_check_evaluations()
        if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR
    ]
    assert errors == ["track_key_is_not_empty"]
