"""The code location as Dagster sees it: what there is, what it says of itself, and that it loads everywhere."""

import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import requests

from spotify_assets import settings
from spotify_assets.definitions import defs
from spotify_assets_tests.dagster_dev import dagster_dev

REPOSITORY = Path(__file__).resolve().parent.parent

INT_PLAYS = "int_matches int_track_facts stg_exclusions stg_export_files stg_listener_time_zones stg_plays stg_streams"
WRAPPED = (
    "artist_genres dim_albums dim_artists dim_tracks listening_days listening_hours listening_periods obsessions "
    "period_comparisons period_coverage sessions track_days track_periods"
)
# Group and asset, then what it is made from.
ASSETS = f"""
catalog/artist_metadata <- track_metadata
catalog/track_metadata <- global_top_50 raw_plays streaming_history
charts/global_top_50 <-
listening/raw_plays <-
listening/streaming_history <-
staging/recording_corrections <-
staging/stg_album_artists <- artist_metadata
staging/stg_albums <- track_metadata
staging/stg_artist_genres <- artist_metadata
staging/stg_artists <- artist_metadata
staging/stg_chart_entries <- global_top_50
staging/stg_exclusions <- raw_plays
staging/stg_export_files <- streaming_history
staging/stg_export_members <- streaming_history
staging/stg_export_tracks <- streaming_history
staging/stg_listener_time_zones <- raw_plays
staging/stg_named_tracks <- stg_album_artists stg_artists stg_export_tracks stg_track_artists stg_tracks
staging/stg_plays <- raw_plays
staging/stg_polled_spans <- raw_plays
staging/stg_streams <- stg_export_files streaming_history
staging/stg_track_artists <- artist_metadata
staging/stg_tracks <- track_metadata
intermediate/int_matches <- int_track_facts stg_export_files stg_plays stg_streams
intermediate/int_plays <- {INT_PLAYS}
intermediate/int_track_facts <- stg_artists stg_named_tracks stg_track_artists
marts/artist_discoveries <- top_artists
marts/artist_genres <- stg_artist_genres
marts/chart_firsts <- chart_history dim_recordings track_periods track_recordings
marts/chart_history <- stg_chart_entries
marts/chart_overlap <- chart_firsts chart_history track_periods track_recordings
marts/coverage <- stg_export_files stg_export_members stg_polled_spans
marts/dim_albums <- stg_album_artists stg_albums stg_artists
marts/dim_artists <- artist_genres stg_artists
marts/dim_recordings <- dim_tracks track_recordings
marts/dim_tracks <- int_track_facts stg_albums stg_tracks
marts/exclusion_effects <- exclusion_rules fct_plays
marts/exclusion_rules <- stg_exclusions
marts/fct_plays <- int_plays
marts/listener_zones <- fct_plays stg_listener_time_zones
marts/listening_clock <- listening_hours
marts/listening_countries <- listening_hours
marts/listening_days <- listening_hours
marts/listening_hours <- fct_plays
marts/listening_periods <- listening_days
marts/listening_platforms <- listening_hours
marts/obsessions <- track_days
marts/period_comparisons <- listening_periods
marts/period_coverage <- coverage listener_zones listening_periods
marts/reconciliation <- int_plays
marts/sessions <- fct_plays
marts/streaks <- listening_hours
marts/top_albums <- dim_albums dim_tracks track_days track_periods
marts/top_artists <- dim_artists dim_tracks track_days track_periods
marts/top_genres <- artist_genres dim_tracks track_days track_periods
marts/top_recordings <- dim_recordings track_days track_periods track_recordings
marts/top_tracks <- dim_tracks track_days track_periods
marts/track_days <- fct_plays
marts/track_discoveries <- dim_tracks track_periods
marts/track_periods <- track_days
marts/track_recordings <- dim_tracks recording_corrections
marts/track_variety <- track_days track_periods
marts/wrapped <- {WRAPPED}
"""

# The checks of each asset.
CHECKS = {
    "raw_plays": (
        "every_listener_polled everything_landed_is_loaded keys_are_unique lake_and_ledger_agree "
        "late_plays_come_within_five_days listeners_are_asked_about logins_last nothing_is_in_the_future "
        "nothing_is_quarantined nothing_waits_in_the_spool requests_last_the_day table_is_as_declared "
        "times_are_plausible volume_is_as_usual"
    ),
    "streaming_history": (
        "every_row_is_kept everything_landed_is_loaded inbox_is_taken_in lake_and_ledger_agree "
        "nothing_is_quarantined table_is_as_declared"
    ),
    "global_top_50": (
        "chart_is_recent fifty_positions_without_gaps first_source_answered lake_and_ledger_agree "
        "no_track_is_on_a_chart_twice nothing_is_quarantined table_is_as_declared"
    ),
    "track_metadata": (
        "ids_resolve isrcs_have_their_form lake_and_ledger_agree nothing_is_quarantined plays_are_described "
        "spotify_answered table_is_as_declared"
    ),
    "artist_metadata": (
        "artists_have_names lake_and_ledger_agree musicbrainz_answered nothing_is_quarantined spotify_answered "
        "table_is_as_declared"
    ),
    "recording_corrections": "unique_key",
    "stg_album_artists": "no_nulls",
    "stg_artist_genres": "no_nulls unique_key",
    "stg_chart_entries": "no_nulls unique_key",
    "stg_albums": "no_nulls",
    "stg_artists": "no_nulls",
    "stg_export_files": "unique_key",
    "stg_export_members": "no_nulls",
    "stg_export_tracks": "no_nulls",
    "stg_listener_time_zones": "no_nulls unique_key",
    "stg_named_tracks": "no_nulls",
    "stg_plays": "end_in_the_time_of_spotify no_nulls track_key_is_not_empty unique_key",
    "stg_polled_spans": "unique_key",
    "stg_streams": "no_nulls",
    "stg_track_artists": "no_nulls relationships_artist_id",
    "stg_tracks": "length_and_popularity_are_possible no_nulls",
    "int_matches": "lie_within_reach take_each_stream_once unique_index",
    "int_plays": (
        "accepted_values_content_type accepted_values_source all_that_was_told_is_there "
        "length_is_unknown_where_only_the_api_saw_it local_time_is_near_utc no_nulls say_who_reported_them "
        "track_id_is_there_for_tracks_only unique_index"
    ),
    "int_track_facts": "no_nulls unique_index",
    "artist_genres": "unique_index weights_are_shares",
    "chart_history": "peaks_and_days_are_possible unique_index",
    "chart_overlap": "parts_are_no_more_than_the_whole unique_key",
    "chart_firsts": "no_nulls unique_key",
    "coverage": "has_no_holes spans_have_a_length unique_index",
    "dim_albums": "no_nulls unique_index",
    "dim_recordings": "no_nulls unique_key",
    "dim_artists": "no_nulls not_null_artist_name unique_index",
    "dim_tracks": (
        "accepted_values_release_date_precision length_and_popularity_are_possible no_nulls "
        "relationships_main_artist_id unique_index"
    ),
    "fct_plays": (
        "accepted_values_content_type accepted_values_source local_hour_is_an_hour "
        "ms_played_is_null_exactly_where_only_the_api_saw_it no_nulls relationships_track_id "
        "sums_are_those_of_int_plays unique_index"
    ),
    "reconciliation": "no_nulls sums_are_those_of_fct_plays unique_index",
    "top_artists": "counts_ranks_and_times_are_possible unique_key",
    "top_genres": "shares_are_shares unique_key",
    "top_recordings": "counts_and_ranks_are_possible unique_key",
    "top_tracks": "counts_ranks_and_times_are_possible unique_key",
    "track_recordings": "every_track_has_one unique_key",
    "track_days": "counts_and_times_are_possible sums_are_those_of_fct_plays unique_index",
    "track_periods": (
        "all_time_is_the_sum_of_months counts_and_times_are_possible sums_are_those_of_track_days unique_index"
    ),
    "artist_discoveries": "come_before_last_times unique_key",
    "exclusion_effects": "rules_take_away unique_key",
    "exclusion_rules": "unique_index",
    "listener_zones": "no_nulls unique_index",
    "listening_clock": "shares_are_shares unique_key",
    "listening_countries": "shares_are_shares unique_key",
    "listening_days": "counts_and_times_are_possible unique_index",
    "listening_hours": "counts_and_times_are_possible sums_are_those_of_fct_plays unique_index",
    "listening_periods": "parts_are_no_more_than_the_whole unique_key",
    "listening_platforms": "shares_are_shares unique_key",
    "obsessions": "are_many_plays_in_few_days unique_index",
    "period_comparisons": "compare_counts unique_key",
    "period_coverage": "shares_are_shares unique_key",
    "sessions": "lengths_are_possible unique_index",
    "stg_exclusions": "no_nulls",
    "streaks": "lengths_fit_their_dates unique_key",
    "top_albums": "counts_ranks_and_times_are_possible unique_key",
    "track_discoveries": "come_before_last_times unique_key",
    "track_variety": "rates_are_rates unique_key",
    "wrapped": "figures_are_possible unique_key",
}

# Warnings that are raised inside other packages, with what raises them.
NOT_OURS = {
    "sqlglotrs is deprecated": "dagster-dbt installs sqlglot's old parser, which says so when it is imported",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose manifest is made once."""
    return tmp_path_factory.mktemp("definitions_home")


@pytest.fixture(scope="module")
def definitions(home: Path) -> Iterator[dg.Definitions]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("SPOTIFY_ASSETS_HOME", str(home))
        settings.settings.cache_clear()
        yield defs()
    settings.settings.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that holds the two files that Dagster reads, and nothing else."""
    for name in ("dagster.yaml", "workspace.yaml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    return tmp_path


def _bare() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME")}


def test_the_definitions_can_be_loaded(definitions: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(definitions)


def test_the_asset_graph_has_this_shape(definitions: dg.Definitions) -> None:
    lines = [
        f"{spec.group_name}/{spec.key.to_user_string()} <- "
        + " ".join(sorted(dep.asset_key.to_user_string() for dep in spec.deps))
        for spec in definitions.resolve_all_asset_specs()
    ]

    assert sorted(line.strip() for line in lines) == sorted(line.strip() for line in ASSETS.strip().splitlines())


def test_the_assets_have_these_checks(definitions: dg.Definitions) -> None:
    checks = defaultdict(list)
    for holder in [*(definitions.assets or []), *(definitions.asset_checks or [])]:
        assert isinstance(holder, dg.AssetsDefinition)
        for spec in holder.check_specs:
            checks[spec.asset_key.to_user_string()].append(spec.name)

    assert {asset: " ".join(sorted(names)) for asset, names in checks.items()} == CHECKS


def test_every_asset_says_what_it_is_whose_it_is_and_which_columns_it_has(definitions: dg.Definitions) -> None:
    for spec in definitions.resolve_all_asset_specs():
        name = spec.key.to_user_string()
        assert (spec.description or "").startswith("One row"), f"{name} does not say what a row is"
        assert spec.owners, f"{name} has no owner"
        assert "postgres" in spec.kinds, f"{name} does not say where it is kept"
        schema = spec.metadata.get("dagster/column_schema")
        assert isinstance(schema, dg.TableSchema), f"{name} has no column schema"
        untold = [column.name for column in schema.columns if not (column.type and column.description)]
        assert not untold, f"{name} does not describe {untold}"


def test_every_job_says_what_it_does(definitions: dg.Definitions) -> None:
    jobs = {job.name: job.description for job in definitions.resolve_all_job_defs() if not job.name.startswith("__")}

    assert {
        "charts", "connections", "enrichment", "freshness", "history_import", "housekeeping", "listening",
        "nightly_audit", "replay", "weekly_digest",
    } <= set(jobs)  # fmt: skip
    assert [name for name, description in jobs.items() if not description] == []


def test_every_schedule_runs_by_itself_names_its_time_zone_and_says_what_it_does(definitions: dg.Definitions) -> None:
    schedules = [each for each in definitions.schedules or [] if isinstance(each, dg.ScheduleDefinition)]
    assert {each.name for each in schedules} == {
        "charts_every_30_minutes_until_published",
        "connections_daily",
        "freshness_every_30_minutes",
        "housekeeping_daily",
        "listening_every_30_minutes",
        "nightly_audit_daily",
        "weekly_digest",
    }
    assert all(each.default_status == dg.DefaultScheduleStatus.RUNNING for each in schedules)
    assert all(each.execution_timezone and each.description for each in schedules)


def test_every_sensor_runs_by_itself_and_says_what_it_does(definitions: dg.Definitions) -> None:
    sensors = [each for each in definitions.sensors or [] if isinstance(each, dg.SensorDefinition)]
    assert {each.name for each in sensors} == {
        "export_inbox",
        "landed_but_not_loaded",
        "metadata_backlog",
        "slack_alerts",
    }
    assert all(each.default_status == dg.DefaultSensorStatus.RUNNING for each in sensors)
    assert all(each.description for each in sensors)


def test_a_tick_and_an_import_share_no_partitions(definitions: dg.Definitions) -> None:
    """A run has partitions of one kind: days, or exports."""
    selected = {
        name: {key.to_user_string() for key in definitions.resolve_job_def(name).asset_layer.executable_asset_keys}
        for name in ("listening", "enrichment", "charts", "replay", "history_import")
    }
    exports = selected.pop("history_import")
    assert "raw_plays" not in exports
    assert "streaming_history" not in set().union(*selected.values())
    models = exports - {"streaming_history"}
    assert selected["listening"] == {*models, "raw_plays"}
    assert selected["enrichment"] == {*models, "track_metadata", "artist_metadata"}
    assert selected["charts"] == {*models, "global_top_50"}
    assert selected["replay"] == set().union(*selected.values())


def test_what_is_asked_at_its_own_time_is_in_no_run_that_fetches_loads_or_builds(definitions: dg.Definitions) -> None:
    asked = {
        name: {
            key.to_user_string() for key in definitions.resolve_job_def(name).asset_layer.asset_graph.asset_check_keys
        }
        for name in ("freshness", "listening", "enrichment", "charts", "replay", "history_import")
    }
    alone = asked.pop("freshness")
    assert alone == {
        "global_top_50:chart_is_recent",
        "raw_plays:listeners_are_asked_about",
        "raw_plays:nothing_waits_in_the_spool",
        "raw_plays:requests_last_the_day",
        "raw_plays:volume_is_as_usual",
        "streaming_history:inbox_is_taken_in",
    }
    assert not definitions.resolve_job_def("freshness").asset_layer.executable_asset_keys
    anywhere = set().union(*asked.values())
    assert anywhere & alone == {"global_top_50:chart_is_recent"}
    assert not any("sums_are_those" in name or "sum_of_months" in name or "told_is_there" in name for name in anywhere)


def test_what_should_keep_coming_has_a_freshness_policy(definitions: dg.Definitions) -> None:
    watched = {
        str(spec.group_name): spec.key.to_user_string()
        for spec in definitions.resolve_all_asset_specs()
        if spec.freshness_policy
    }
    assert set(watched) == {"listening", "charts", "marts"}
    assert (watched["listening"], watched["charts"]) == ("raw_plays", "global_top_50")


def test_loading_the_definitions_uses_nothing_that_dagster_calls_beta_or_is_about_to_drop(home: Path) -> None:
    code = f"""
import warnings
import dagster as dg
for category in (dg.BetaWarning, dg.PreviewWarning, dg.SupersessionWarning, DeprecationWarning):
    warnings.filterwarnings("error", category=category)
for message in {list(NOT_OURS)}:
    warnings.filterwarnings("ignore", message=message)
from spotify_assets.definitions import defs
dg.Definitions.validate_loadable(defs())
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**_bare(), "SPOTIFY_ASSETS_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_dagster_finds_the_definitions_valid(folder: Path, home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"],
        cwd=folder,
        env={**_bare(), "SPOTIFY_ASSETS_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_plain_dagster_dev_starts_with_nothing_configured_and_says_that_its_history_is_temporary(folder: Path) -> None:
    log = folder / "dev.log"
    query = "{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError { __typename } } } } }"
    with dagster_dev(folder, _bare(), log) as address:
        answer = requests.post(f"{address}/graphql", json={"query": query}, timeout=30).json()

    assert answer["data"]["workspaceOrError"]["locationEntries"] == [
        {"name": "spotify_assets.definitions", "locationOrLoadError": {"__typename": "RepositoryLocation"}}
    ]
    said = log.read_text()
    assert "This will be removed when dagster dev exits." in said
    assert "set the environment variable DAGSTER_HOME" in said
