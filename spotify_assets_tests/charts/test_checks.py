"""Each check on `global_top_50` passes on good rows, and fails on rows that the load itself would never have stored."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from spotify_assets import settings
from spotify_assets.charts.checks import chart_checks, verdict
from spotify_assets.charts.loading import DATASET, LoadedCharts, load_charts
from spotify_assets.clock import FixedClock
from spotify_assets.questions import PARTITION_TAG
from spotify_assets.storage.lake import Lake, lake_key, open_lake
from spotify_assets.storage.warehouse import Warehouse

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
PLAYLIST, ANOTHER = f"{'playlist':0<22}", f"{'another':0<22}"
TODAY, TOMORROW = NOON.date().isoformat(), (NOON + timedelta(days=1)).date().isoformat()


@dg.asset
def global_top_50() -> None:
    """Stands for the asset: its checks ask the stored rows."""


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return open_lake(settings.Settings(SPOTIFY_ASSETS_HOME=tmp_path))


@pytest.fixture
def filled(warehouse: Warehouse, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Iterator[Warehouse]:
    """One landed and loaded chart, of the playlist that is asked first."""
    load_page(warehouse, lake, PLAYLIST, NOON)
    monkeypatch.setenv("TOP_50_SOURCES", f"spotify:{PLAYLIST},deezer")
    settings.settings.cache_clear()
    yield warehouse
    settings.settings.cache_clear()


def load_page(warehouse: Warehouse, lake: Lake, playlist: str, fetched_at: datetime, **of_each: object) -> LoadedCharts:
    items = [{"track": {"id": f"{playlist}{number}", "name": f"Song {number}", **of_each}} for number in range(50)]
    payload = json.dumps({"href": f"https://api.spotify.com/v1/playlists/{playlist}/tracks", "items": items}).encode()
    key = lake_key(DATASET, payload, fetched_at, None)
    lake.put(key, payload)
    return load_charts(warehouse, lake, [key])


def asked(warehouse: Warehouse, day: str | None = None, now: datetime = NOON) -> dict[str, dg.AssetCheckEvaluation]:
    """All checks, of a UTC day of fetching or of all, without the asset."""
    job = dg.Definitions(
        assets=[global_top_50],
        asset_checks=chart_checks(),
        resources={"warehouse": warehouse, "clock": FixedClock(now)},
        jobs=[dg.define_asset_job("checks", selection=dg.AssetSelection.all_asset_checks())],
        executor=dg.in_process_executor,
    ).resolve_job_def("checks")
    result = job.execute_in_process(tags={PARTITION_TAG: day} if day else {}, raise_on_error=False)
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


@pytest.mark.parametrize("day", [TODAY, TOMORROW, None])
def test_good_rows_pass(filled: Warehouse, day: str | None) -> None:
    assert {name: check.passed for name, check in asked(filled, day).items()} == {
        "chart_is_recent": True,
        "fifty_positions_without_gaps": True,
        "no_track_is_on_a_chart_twice": True,
        "nothing_is_quarantined": True,
        "table_is_as_declared": True,
    }


@pytest.mark.parametrize(
    ("name", "damage", "sentence", "severity"),
    [
        (
            "fifty_positions_without_gaps",
            "delete from raw.chart_entries where position = 50",
            "1 charts lack positions",
            dg.AssetCheckSeverity.ERROR,
        ),
        (
            "fifty_positions_without_gaps",
            "update raw.chart_entries set position = 51 where position = 7",
            "1 charts lack positions",
            dg.AssetCheckSeverity.ERROR,
        ),
        (
            "fifty_positions_without_gaps",
            "delete from raw.chart_entries",
            "1 charts lack positions",
            dg.AssetCheckSeverity.ERROR,
        ),
        (
            "no_track_is_on_a_chart_twice",
            "update raw.chart_entries set track_id = 'same' where position in (1, 2)",
            "1 tracks stand on a chart twice",
            dg.AssetCheckSeverity.WARN,
        ),
        (
            "nothing_is_quarantined",
            "insert into raw.quarantine select lake_key, '', 'it is empty', '' from ops.chart_pages",
            "1 pages, or things on them, could not be read",
            dg.AssetCheckSeverity.WARN,
        ),
    ],
)
def test_damage_is_found_on_its_day_and_not_on_others(
    name: str, damage: str, sentence: str, severity: dg.AssetCheckSeverity, filled: Warehouse
) -> None:
    with filled.connect() as connection:
        connection.execute(damage.encode())
    for day in (TODAY, None):
        check = asked(filled, day)[name]
        assert (check.passed, check.severity) == (False, severity)
        assert sentence in (check.description or "")
        assert "found" in check.metadata
    assert asked(filled, TOMORROW)[name].passed


def test_what_a_readable_page_says_and_nobody_can_read_is_in_quarantine(filled: Warehouse, lake: Lake) -> None:
    loaded = load_page(filled, lake, ANOTHER, NOON, popularity="high")
    assert (loaded.pages, loaded.faults, loaded.entries_changed) == (1, (), 50)
    check = asked(filled, TODAY)["nothing_is_quarantined"]
    assert not check.passed
    assert "50 pages, or things on them, could not be read" in (check.description or "")
    with filled.connect() as connection:
        [(noted,)] = connection.execute("select max(rows_quarantined) from ops.landed_objects").fetchall()
    assert noted == 50


@pytest.mark.parametrize(
    ("now", "passes"),
    [
        (datetime(2026, 3, 6, 21, 59, tzinfo=UTC), True),  # of the day before yesterday: yesterday's may still come
        (datetime(2026, 3, 6, 22, tzinfo=UTC), False),
        (datetime(2026, 3, 7, 0, 10, tzinfo=UTC), False),
        (datetime(2026, 3, 5, 23, 59, tzinfo=UTC), True),
    ],
)
def test_a_chart_of_the_day_before_yesterday_is_the_newest_until_yesterday_s_is_due(
    now: datetime, passes: bool
) -> None:
    assert verdict(("kworb", "global_daily"), date(2026, 3, 4), now).passed == passes


def test_who_asks_too_late_is_told_of_which_day_the_newest_chart_is(filled: Warehouse) -> None:
    check = asked(filled, now=NOON + timedelta(days=4))["chart_is_recent"]
    assert not check.passed
    assert str(check.description).startswith(f"The newest chart of spotify ({PLAYLIST}) is of 2026-03-04, 4 days ago;")


def test_another_playlist_of_spotify_s_makes_the_first_one_no_more_recent(filled: Warehouse, lake: Lake) -> None:
    later = NOON + timedelta(days=9)
    load_page(filled, lake, ANOTHER, later)
    assert not asked(filled, now=later)["chart_is_recent"].passed


def test_where_no_chart_is_stored_none_is_recent(filled: Warehouse) -> None:
    with filled.connect() as connection:
        connection.execute("truncate raw.chart_entries")
    check = asked(filled)["chart_is_recent"]
    assert not check.passed
    assert check.description == f"There is no chart of spotify ({PLAYLIST}) yet. The runs of `charts` say why."
