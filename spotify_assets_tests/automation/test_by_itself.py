"""The pipeline runs by itself: Dagster's real daemon, the shipped schedules, sensors and configuration, nobody's hand.

Time goes by as fast as the runs allow; see `fast_daemon.py` for what is Dagster's and what isn't.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import requests

from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests import warm_workers
from spotify_assets_tests.by_itself import ByItself, by_itself, table_of_ticks
from spotify_assets_tests.test_month import PLAYS, Lives, show, stored
from spotify_assets_tests.ticks import POLLS, fault
from spotify_assets_tests.world import World

NIGHT = datetime(2026, 3, 4, 3, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
DAYS = 8
TICKS = ["schedule or sensor", "ticks", "runs", "failed", "skipped", "why"]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, new_warehouse: Callable[[], Warehouse], tmp_path: Path) -> Iterator[World]:
    """On the two days before pages landed while there was another database: in this one they were never loaded."""
    with SimulatorServer(SimulatorConfig(at=NIGHT - 2 * DAY, musicbrainz_hit_rate=1.0)) as simulator:
        lake = {"LAKE_URL": str(tmp_path / "lake")}
        lost = World.make(monkeypatch, new_warehouse(), simulator, tmp_path / "lost", **lake)
        lost.login("alex")
        for day in (2, 1):
            lost.at(NIGHT - day * DAY)
            lost.tick_without_dagster(build=False)
        lost.at(NIGHT)
        made = World.make(monkeypatch, new_warehouse(), simulator, tmp_path / "home", **lake)
        made.login("alex")
        yield made


def tell(made: ByItself, title: str) -> None:
    """What ran and why, for who runs this with -s, or in the file that REPORT names."""
    show(f"{title}: schedules and sensors", TICKS, table_of_ticks(made))
    runs = sorted(made.outcomes().items())
    show(f"{title}: runs", ["job", "ended", "runs"], [(*how, count) for how, count in runs])


def offer_what_polls_saw(world: World, lives: Lives, kept: Mapping[str, set[tuple[int, str]]]) -> None:
    """What Spotify offered at each poll that it answered; tells how much of it is kept."""
    polls: dict[str, list[datetime]] = {user: [] for user in kept}
    for call in world.simulator.world.log.requests:
        if call.path == POLLS and call.status == 200 and call.user:
            polls[call.user].append(call.at)
    rows: list[tuple[object, ...]] = []
    for user, times in polls.items():
        for at in times:
            lives.offer(user, at)
        gap = max(later - earlier for earlier, later in pairwise(times))
        rows.append((user, *lives.sums(user, times[-1], kept[user]), gap))
    show(f"{DAYS} days: plays", [*PLAYS, "longest time between polls"], rows)


@pytest.mark.soak
def test_a_night_and_a_morning_by_dagster_s_daemon(world: World) -> None:
    """What has something to do runs; Spotify refuses for hours; then the machine sleeps, and wakes to one tick."""
    with by_itself(world) as made:
        made.until(NIGHT + HOUR / 2)
        fault(world, path=POLLS, status=429, headers={"Retry-After": "7200"}, count=1)
        refused = made.tick()
        skipped = made.tick()
        made.until(NIGHT + 1.25 * HOUR)
        made.wait_for(lambda: any(job == "housekeeping" for job, _ in made.outcomes()))
        made.settle()
        night = made.outcomes()
        world.at(NIGHT + 4.25 * HOUR)
        made.wait_for(lambda: any(job == "connections" for job, _ in made.outcomes()))
        made.settle()
        morning = made.outcomes() - night
        tell(made, "a night and a morning")

    assert "limits this app's requests" in refused
    assert skipped.startswith("Skipped: ")
    assert "limits this app's requests" in skipped
    ended = Counter({job: count for (job, how), count in night.items() if how == "SUCCESS"})
    assert night["listening", "FAILURE"] == 1, "the one that was refused"
    assert ended["listening"] == ended["nightly_audit"] == ended["housekeeping"] == ended["replay"] == 1
    assert ended["charts"] >= 1
    assert ended["enrichment"] >= 1
    assert morning["listening", "SUCCESS"] == 1, "a machine that slept through six ticks makes one"
    reasons = made.reasons("charts_every_30_minutes_until_published")
    assert set(reasons) == {"kworb has given today's chart."}
    loaded = "Everything that landed is loaded, by a listing of the last days."
    assert loaded in made.reasons("landed_but_not_loaded")
    assert "Everything that was played is described." in made.reasons("metadata_backlog")
    assert world.rows("select count(*) from raw.chart_entries") == [(50,)]
    # Both days came with one run, which nobody asked for by hand.
    counted = "select count(*), count(loaded_version) from ops.landed_objects where fetched_at < %s"
    assert world.rows(counted, (NIGHT,)) == [(2, 2)]
    assert world.rows("select count(*) from raw.plays") == world.rows("select count(*) from marts.fct_plays")
    assert world.rows("select count(*) > 60 from raw.plays") == [(True,)]


@pytest.mark.soak
def test_eight_days_by_dagster_s_daemon_lose_no_play(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    """Two listeners; late plays as always, a block of six hours, an outage of three, a login that dies for five.

    A quarter of an hour at a time, with runs in processes that stay: only so are eight days an hour.
    """
    users = ("alex", "bo")
    start = datetime(2026, 3, 2, tzinfo=UTC)
    block, outage, dead = start + 2.5 * DAY, start + 4.4 * DAY, start + 6.2 * DAY
    config = SimulatorConfig(at=start, listeners=users, tier="new_dev")
    with SimulatorServer(config) as simulator, warm_workers.broker() as broker_url:
        settings = {"SPOTIFY_DAILY_REQUEST_BUDGET": "500", **warm_workers.environment(broker_url)}
        world = World.make(monkeypatch, warehouse, simulator, tmp_path / "home", **settings)
        for user in users:
            world.login(user)
        lives = Lives(simulator)
        with by_itself(world, shipped=warm_workers.configuration(), beside=[warm_workers.WORKERS]) as made:

            def until(end: datetime) -> None:
                made.until(end, timedelta(minutes=15), "listening", "freshness")

            until(block)
            fault(world, path=POLLS, status=429, headers={"Retry-After": str(6 * 3600)}, count=1)
            until(outage)
            fault(world, path="/v1/*", status=503, until=(outage + 3 * HOUR).isoformat())
            until(dead)
            requests.post(f"{simulator.url}/_sim/revoke", json={"user": "bo"}, timeout=10).raise_for_status()
            until(dead + 5 * HOUR)
            world.login("bo")
            until(start + DAYS * DAY)
            made.settle()
            tell(made, f"{DAYS} days")
            ran = made.outcomes()
        kept = {user: stored(world, user) for user in users}
        offer_what_polls_saw(world, lives, kept)
        at = start.replace(minute=7)
        while at < start + DAYS * DAY - HOUR:
            for user in users:
                is_out = block <= at < block + 6 * HOUR or outage <= at < outage + 3 * HOUR
                if not is_out and not (user == "bo" and dead <= at < dead + 5 * HOUR):
                    lives.offer(user, at)
            at += HOUR / 2

    for user in users:
        assert kept[user] >= lives.offered[user], "each play that a tick at its time would have got is stored"
    assert world.rows("select count(*) from raw.plays") == world.rows("select count(*) from marts.fct_plays")
    assert ran["listening", "SUCCESS"] > (DAYS - 0.5) * 48
    assert ran["nightly_audit", "SUCCESS"] == ran["housekeeping", "SUCCESS"] == DAYS
