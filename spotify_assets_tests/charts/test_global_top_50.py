"""The asset `global_top_50`: the day's attempts, series that are never mixed, pages that can't be read, replays."""

import signal
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import requests

from spotify_assets.charts.attempt import attempt
from spotify_assets.charts.loading import load_charts
from spotify_assets.charts.sources import WORLDWIDE, open_sources
from spotify_assets.cli.runs import dagster_history, run_job
from spotify_assets.clock import clock_from
from spotify_assets.errors import UserError
from spotify_assets.fetched import ASKED_ON_TAG
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.storage.lake import open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.ticks import fault, no_faults
from spotify_assets_tests.world import World, snapshot

MORNING = datetime(2026, 3, 4, 6, tzinfo=UTC)
KWORB, DEEZER = "/kworb/*", "/deezer/*"


@pytest.fixture
def world(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with SimulatorServer(SimulatorConfig(at=MORNING)) as simulator:
        yield World.make(monkeypatch, warehouse, simulator, tmp_path / "home")


def ask(
    world: World, day: date | None = None, asked_on: date | None = None
) -> tuple[str, dict[str, dg.AssetCheckEvaluation]]:
    """Materializes the asset for a day, asked for on a day, by default today; returns what was said, and its checks."""
    chosen = world.settings()
    today = clock_from(chosen).now().date()
    tags = {ASKED_ON_TAG: (asked_on or today).isoformat()}
    result = run_job("charts", chosen, partition=(day or today).isoformat(), tags=tags, only=["global_top_50"])
    [event] = result.asset_materializations_for_node("global_top_50")
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    return str(event.metadata["what_happened"].value), checks


def ask_below_dagster(world: World) -> str:
    """The same attempt without Dagster; returns what was said of each source."""
    chosen = world.settings()
    clock = clock_from(chosen)
    with open_sources(chosen, SpotifyAccess.open(chosen, world.warehouse, clock), clock) as sources:
        done = attempt(world.warehouse, open_lake(chosen), sources, clock.now())
    return " ".join([*(outcome.said for outcome in done.outcomes), *(["Done."] if done.is_done else [])])


def last_verdict(world: World) -> tuple[bool, str]:
    """What the check `first_source_answered` says now in Dagster's history, be it of a run that failed."""
    key = dg.AssetCheckKey(dg.AssetKey("global_top_50"), "first_source_answered")
    with dagster_history(world.settings()) as history:
        [record] = history.event_log_storage.get_asset_check_execution_history(key, limit=1)
        assert record.event
        assert record.event.dagster_event
        check = record.event.dagster_event.asset_check_evaluation_data
    return check.passed, str(check.description)


def stored(world: World) -> list[tuple[object, ...]]:
    return world.rows(
        "select source, chart_date::text, count(*) from raw.chart_entries group by source, chart_date order by 1, 2"
    )


def test_attempts_go_on_until_the_first_source_has_a_newer_chart_and_the_other_stands_in_once(world: World) -> None:
    said, checks = ask(world)
    # It is the first chart that was ever stored.
    assert said == "kworb has the chart of 2026-03-02. The day is done."
    assert checks["first_source_answered"].passed
    world.at(datetime(2026, 3, 5, 20, tzinfo=UTC))
    assert ask_below_dagster(world) == "kworb has the chart of 2026-03-04. Done."
    # Early on the next day kworb still has the chart that is known: Deezer stands in, once.
    world.at(datetime(2026, 3, 6, 1, tzinfo=UTC))
    known = "kworb has the chart of 2026-03-04, which is known."
    assert ask_below_dagster(world) == f"{known} deezer has the chart of 2026-03-06."
    assert ask_below_dagster(world) == f"{known} deezer has stood in today already."
    world.at(datetime(2026, 3, 6, 18, tzinfo=UTC))
    assert ask_below_dagster(world) == "kworb has the chart of 2026-03-05. Done."
    # By hand somebody may ask again: it stays done.
    assert ask_below_dagster(world) == "kworb has the chart of 2026-03-05, which is known. Done."
    assert stored(world) == [
        ("deezer", "2026-03-06", 50),
        ("kworb", "2026-03-02", 50),
        ("kworb", "2026-03-04", 50),
        ("kworb", "2026-03-05", 50),
    ]


def test_where_the_first_source_fails_the_next_stands_in_and_a_check_warns(world: World) -> None:
    fault(world, path=KWORB, status=503, body="busy")
    without_waits(world)
    said, checks = ask(world)
    assert said.startswith("kworb gave no usable answer (HTTP 503, 4 tries)")
    assert "deezer has the chart of 2026-03-04." in said
    assert not checks["first_source_answered"].passed
    assert not checks["chart_is_recent"].passed
    # Half an hour later nothing new is to be had of Deezer, and nothing more is wrong than before.
    world.at(MORNING + timedelta(minutes=30))
    said, checks = ask(world)
    assert said.startswith("kworb gave no usable answer (HTTP 503, 4 tries)")
    assert said.endswith("deezer has stood in today already.")
    assert not checks["first_source_answered"].passed
    assert checks["first_source_answered"].severity == dg.AssetCheckSeverity.WARN
    assert stored(world) == [("deezer", "2026-03-04", 50)]


def test_a_source_that_gave_a_chart_this_morning_may_fail_later_in_the_day(world: World) -> None:
    ask_below_dagster(world)
    world.at(datetime(2026, 3, 5, 1, tzinfo=UTC))
    ask_below_dagster(world)
    fault(world, path=KWORB, status=503, body="busy")
    fault(world, path=DEEZER, status=503, body="busy")
    without_waits(world)
    said, checks = ask(world)
    assert said.startswith("kworb gave no usable answer")
    assert not checks["first_source_answered"].passed


def test_where_all_sources_fail_the_run_says_so_and_what_was_stored_stays(world: World) -> None:
    ask(world)
    before = snapshot(world.warehouse, "raw")
    world.at(MORNING + timedelta(days=1))
    without_waits(world)
    fault(world, path=KWORB, cut=True)
    fault(world, path=DEEZER, status=404, body="no")
    with pytest.raises(UserError, match=r"kworb gave no usable answer .* Deezer gave no usable answer \(HTTP 404"):
        ask(world)
    passed, sentence = last_verdict(world)
    assert not passed
    assert sentence.startswith("kworb gave no usable answer")
    assert snapshot(world.warehouse, "raw") == before
    no_faults(world)
    assert "2026-03-03" in ask(world)[0]


def test_deezer_s_quota_is_an_answer_like_any_other_and_no_chart(world: World) -> None:
    app, chart = f"{world.simulator.url}/_sim/app", f"{world.simulator.url}/deezer/playlist/{WORLDWIDE}/tracks"
    requests.post(app, json={"deezer_over_quota": True}, timeout=10).raise_for_status()
    answer = requests.get(chart, timeout=10)
    assert (answer.status_code, answer.json()["error"]["code"]) == (200, 4)
    fault(world, path=KWORB, status=404, body="no")
    refused = "Deezer refused its chart (Quota limit exceeded): it is asked later."
    assert ask_below_dagster(world).endswith(refused)
    # Nothing landed: an answer that refuses is no page.
    assert list(open_lake(world.settings()).list("charts/")) == []
    requests.post(app, json={"deezer_over_quota": False}, timeout=10).raise_for_status()
    assert ask_below_dagster(world).endswith("deezer has the chart of 2026-03-04.")


def test_a_page_that_has_changed_its_shape_fails_with_a_sentence_and_leaves_the_last_good_chart(world: World) -> None:
    ask(world)
    world.at(MORNING + timedelta(days=1, hours=12))
    app = f"{world.simulator.url}/_sim/app"
    requests.post(app, json={"kworb_table": "a column more"}, timeout=10).raise_for_status()
    with pytest.raises(UserError, match="kworb's page is not what it was: row 1 has 12 columns") as failed:
        ask(world)
    assert "deezer has the chart of 2026-03-05." in str(failed.value)
    assert last_verdict(world) == (False, str(failed.value))
    assert [row for row in stored(world) if row[0] == "kworb"] == [("kworb", "2026-03-02", 50)]
    assert [reason for (reason,) in world.rows("select reason from raw.quarantine")]
    requests.post(app, json={"kworb_table": "usual"}, timeout=10).raise_for_status()
    assert ask(world)[0].endswith("kworb has the chart of 2026-03-04. The day is done.")


def test_a_past_day_is_loaded_from_the_lake_and_one_without_a_landing_fails(world: World) -> None:
    for days in (0, 2):
        world.at(MORNING + timedelta(days=days))
        ask(world)
    before = snapshot(world.warehouse, "raw")
    requests.delete(f"{world.simulator.url}/_sim/requests", timeout=10).raise_for_status()
    assert "loaded again from the lake" in ask(world, MORNING.date())[0]
    with pytest.raises(UserError, match="Nothing was landed on 2026-03-05, and its chart can't be fetched any more"):
        ask(world, MORNING.date() + timedelta(days=1))
    assert requests.get(f"{world.simulator.url}/_sim/requests", timeout=10).json()["total"] == 0
    assert snapshot(world.warehouse, "raw") == before


def test_any_order_of_loading_gives_the_same_charts(world: World, new_warehouse: Callable[[], Warehouse]) -> None:
    for hours in (0, 3, 9, 12, 26, 33, 36):
        world.at(MORNING + timedelta(hours=hours))
        ask_below_dagster(world)
    lake = open_lake(world.settings())
    keys = list(lake.list("charts/"))
    assert len(keys) >= 7
    for order in (keys, keys[::-1], [*keys[::2], *keys[1::2], *keys]):
        again = new_warehouse()
        for key in order:
            load_charts(again, lake, [key])
        assert snapshot(again, "raw")["raw.chart_entries"] == snapshot(world.warehouse, "raw")["raw.chart_entries"]


def test_an_attempt_killed_between_landing_and_loading_is_made_good_by_the_next(world: World) -> None:
    """A chart is stored once it has landed, even where the source can't be asked any more."""
    killed = world.command(module="spotify_assets_tests.charts.process", CRASH_AT="landing:1")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert stored(world) == []
    without_waits(world)
    for source in (KWORB, DEEZER):
        fault(world, path=source, status=404, body="no")
    world.at(MORNING + timedelta(days=1))
    with pytest.raises(UserError, match="kworb has no page of the chart"):
        ask(world)
    assert stored(world) == [("kworb", "2026-03-02", 50)]


def test_two_attempts_at_once_leave_the_rows_of_one(world: World, new_warehouse: Callable[[], Warehouse]) -> None:
    attempts = [world.start(module="spotify_assets_tests.charts.process") for _ in range(3)]
    for each in attempts:
        _, problem = each.communicate(timeout=120)
        assert each.returncode == 0, problem
    assert stored(world) == [("kworb", "2026-03-02", 50)]
    again, lake = new_warehouse(), open_lake(world.settings())
    load_charts(again, lake, list(lake.list("charts/")))
    assert snapshot(again, "raw") == snapshot(world.warehouse, "raw")


def test_a_run_asked_for_before_midnight_that_stores_after_it_has_asked(world: World) -> None:
    world.at(datetime(2026, 3, 5, 0, 0, 30, tzinfo=UTC))
    said, _ = ask(world, MORNING.date(), asked_on=MORNING.date())
    assert said.startswith("kworb has the chart of 2026-03-03.")
    assert stored(world) == [("kworb", "2026-03-03", 50)]
    # It landed on the new day, under which it is loaded again.
    world.at(datetime(2026, 3, 6, 12, tzinfo=UTC))
    assert "the 1 pages that were landed that day are loaded again" in ask(world, date(2026, 3, 5))[0]


def test_spotify_s_own_playlist_is_a_source_for_apps_that_may_read_it(
    warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    playlist = "37i9dQZEVXbMDoHDwVN2tF"
    config = SimulatorConfig(at=MORNING, tier="extended", listeners=("alex", "blair"))
    with SimulatorServer(config) as simulator:
        world = World.make(
            monkeypatch, warehouse, simulator, tmp_path / "home", TOP_50_SOURCES=f"spotify:{playlist},deezer"
        )
        fault(world, path=DEEZER, status=404, body="no")
        with pytest.raises(UserError, match="needs a connected listener"):
            ask(world)
        world.login("alex")
        # Who has left the app's list of users holds up nobody, where another listener is connected.
        fault(world, path="/v1/*", user="alex", status=403, body="The user is not registered for this application.")
        with pytest.raises(UserError, match="does not list the account of listener alex"):
            ask(world)
        world.login("blair")
        assert ask(world)[0] == "spotify has the chart of 2026-03-04. The day is done."
        assert world.rows("select distinct source, chart, date_is_fetch_day from raw.chart_entries") == [
            ("spotify", playlist, True)
        ]
        # The track objects of the page cost no further call.
        assert world.rows("select count(*) from raw.tracks where isrc is not null") == [(50,)]


def without_waits(world: World) -> None:
    """The waits between tries are not the matter here."""
    world.monkeypatch.setattr("spotify_assets.asking.Asker._rest", lambda _asker, _seconds: None)
