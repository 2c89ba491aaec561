"""A simulated month, one tick each half hour: what a budget of 500 calls a day bears, and what trouble costs.

It takes an hour, so it runs under `make soak` only.
"""

import os
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from rich.console import Console
from rich.table import Table

from spotify_assets.clock import clock_from
from spotify_assets.simulator.config import SimulatorConfig, listener_names
from spotify_assets.simulator.listener import Listener
from spotify_assets.simulator.player import Player
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.simulator.timekeeping import to_ms
from spotify_assets.simulator.world import LoggedRequest
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.outcomes import SpotifyError
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.world import World

START = datetime(2026, 3, 2, tzinfo=UTC)
TICK = timedelta(minutes=30)
DAY = timedelta(days=1)
DAYS = SHARED_DAYS = 30
BUDGET = 500
Keys = set[tuple[int, str]]


@dataclass
class Lives:
    """What the simulated Spotify offered each listener, and what they really played, as (end in ms, track id)."""

    simulator: SimulatorServer
    offered: dict[str, Keys] = field(default_factory=dict)

    def page(self, user: str, at: datetime) -> Keys:
        """The page that a poll of the listener gets at this moment, asked from inside."""
        world = self.simulator.world
        page = world.players[user].page({"limit": 50}, to_ms(at), world.shapes, world.config.tier, "http://x")
        return {(_ms(item["played_at"]), item["track"]["id"]) for item in page["items"]}  # type: ignore[attr-defined]

    def offer(self, user: str, at: datetime) -> None:
        self.offered.setdefault(user, set()).update(self.page(user, at))

    def played(self, user: str, until: datetime) -> Keys:
        """All plays since the start that the API ever shows, with those of the first page."""
        streams = self.simulator.world.listeners[user].streams(to_ms(START), to_ms(until))
        shown = {
            (s.played_at_ms, s.track.id)
            for s in streams
            if s.track and s.visible_at_ms and s.visible_at_ms <= to_ms(until)
        }
        return shown | self.page(user, START)

    def sums(self, user: str, until: datetime, kept: Keys) -> tuple[int, int, int]:
        """Plays stored; plays missed, which a poll at each half hour would have got; plays that no poll was offered."""
        offered = self.offered[user]
        return len(kept), len(offered - kept), len(self.played(user, until) - offered)


PLAYS = ["listener", "stored", "missed", "never offered"]


def _ms(moment: str) -> int:
    return to_ms(datetime.fromisoformat(moment))


def stored(world: World, user: str) -> Keys:
    rows = world.rows("select played_at, track_id from raw.plays where user_id = %s", (user,))
    return {(to_ms(at), str(track)) for at, track in rows if isinstance(at, datetime)}


def most_calls_in_a_day(calls: Sequence[LoggedRequest]) -> int:
    """The most calls to the Web API in any 24 hours, by Spotify's own record."""
    times = sorted(call.at for call in calls if call.path.startswith("/v1/"))
    return max(number + 1 - bisect_right(times, at - DAY) for number, at in enumerate(times))


def enrich(world: World, greed: int) -> None:
    """As many calls for charts and enrichment as they can get: what polling must never suffer from."""
    chosen = world.settings()
    spotify = SpotifyAccess.open(chosen, world.warehouse, clock_from(chosen))
    listener = next(each for each in spotify.listeners() if each.status == "connected")
    [(artist,)] = world.rows("select min(artist_id) from raw.artists")
    for purpose, calls in (("charts", 1), ("enrichment", greed)):
        client = replace(spotify.client(listener, purpose), sleep=lambda _: None)  # type: ignore[arg-type]
        for _ in range(calls):
            try:
                client.get(f"/artists/{artist}")
            except SpotifyError:
                break


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table for the person who runs this with `-s`, or in the file that REPORT names."""
    table = Table(*columns, title=title)
    for row in rows:
        table.add_row(*map(str, row))
    report = os.environ.get("REPORT")
    if report:
        with Path(report).open("a") as file:
            Console(file=file, width=120).print(table)
    Console(width=120).print(table)


@pytest.mark.soak
def test_a_month_of_trouble_costs_no_play_that_spotify_still_offered(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    """Five listeners; a quota block of 14 hours, an outage of 3, a revoked login, late plays, greedy enrichment."""
    users = listener_names(5)
    config = SimulatorConfig(at=START, listeners=users, tier="new_dev", daily_quota=BUDGET + 1)
    unit = DAYS * DAY / 3
    block = (START + unit / 2, START + unit / 2 + timedelta(hours=14))
    outage = (START + unit * 1.5, START + unit * 1.5 + timedelta(hours=3))
    revoked = (START + unit * 2, START + unit * 2 + timedelta(hours=6))
    quota = {"error": {"status": 429, "message": "Too many requests", "reason": "QUOTA_EXCEEDED"}}
    with SimulatorServer(config) as simulator:
        world = World.make(
            monkeypatch, warehouse, simulator, tmp_path / "home", SPOTIFY_DAILY_REQUEST_BUDGET=str(BUDGET)
        )
        lives = Lives(simulator)
        for user in users:
            world.login(user)
        skipped = 0
        troubles: dict[datetime, dict[str, object]] = {
            block[0]: {
                "path": "/v1/*",
                "status": 429,
                "body": quota,
                "headers": {"Retry-After": "50400"},
                "until": block[1].isoformat(),
            },
            outage[0]: {"path": "/v1/*", "status": 503, "until": outage[1].isoformat()},
        }
        at = START
        while at < START + DAYS * DAY:
            world.at(at)
            if at == revoked[0]:
                requests.post(f"{simulator.url}/_sim/revoke", json={"user": users[1]}, timeout=10).raise_for_status()
            if at == revoked[1]:
                world.login(users[1])
            if at in troubles:
                requests.post(f"{simulator.url}/_sim/faults", json=troubles[at], timeout=10).raise_for_status()
            tick = world.tick_without_dagster(build=False)
            skipped += tick.blocked is not None
            for user in users:
                is_out = block[0] <= at < block[1] or outage[0] <= at < outage[1]
                if not is_out and not (user == users[1] and revoked[0] <= at < revoked[1]):
                    lives.offer(user, at)
            enrich(world, greed=5)
            at += TICK
        calls = simulator.world.log.requests
        rows = world.rows("select purpose, count(*) from ops.requests group by purpose order by purpose")
        show(
            f"{DAYS} days, 5 listeners, budget {BUDGET}: calls by purpose (the last week)",
            ["purpose", "calls"],
            rows,
        )
        show("what is stored", PLAYS, [(user, *lives.sums(user, at, stored(world, user))) for user in users])

    for user in users:
        assert stored(world, user) == lives.offered[user]
    assert skipped == 27  # the tick that meets the block is told so by its own call
    assert most_calls_in_a_day(calls) <= BUDGET
    refused = Counter(call.status for call in calls if call.path.startswith("/v1/"))
    assert 1 <= refused[429] <= 5  # the polls that were under way together when the block came
    polls = [call for call in calls if call.path == "/v1/me/player/recently-played" and call.status == 503]
    # Four tries of five listeners at each of six ticks would be 120.
    assert 0 < len(polls) < 100
    assert refused[503] >= len(polls)


@pytest.mark.soak
def test_fifteen_listeners_share_a_budget_that_is_too_small(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    """Who is polled when, and what is lost: 720 polls a day are wanted, 480 are there."""
    users = listener_names(15)
    config = SimulatorConfig(at=START, listeners=users, tier="extended")
    with SimulatorServer(config) as simulator:
        for number, user in enumerate(users):
            listener = Listener(
                simulator.world.accounts[user], simulator.world.catalogue, replace(config, plays_a_day=10 + 15 * number)
            )
            simulator.world.listeners[user] = listener
            simulator.world.players[user] = Player(listener, listener._config)
        world = World.make(
            monkeypatch, warehouse, simulator, tmp_path / "home", SPOTIFY_DAILY_REQUEST_BUDGET=str(BUDGET)
        )
        lives = Lives(simulator)
        for user in users:
            world.login(user)
        polled: dict[str, list[datetime]] = {user: [] for user in users}
        at = START
        while at < START + SHARED_DAYS * DAY:
            world.at(at)
            for outcome in world.tick_without_dagster(build=False).polled:
                assert outcome.failure is None
                polled[outcome.user_id].append(at)
            for user in users:
                lives.offer(user, at)
            at += TICK
        calls = simulator.world.log.requests
        rows = []
        for number, user in enumerate(users):
            gaps = [later - earlier for earlier, later in zip(polled[user], polled[user][1:], strict=False)]
            sums = lives.sums(user, polled[user][-1], stored(world, user))
            rows.append((user, 10 + 15 * number, round(len(polled[user]) / SHARED_DAYS, 1), max(gaps), *sums))
        show(
            f"{SHARED_DAYS} days, 15 listeners, budget {BUDGET}",
            ["listener", "plays a day", "polls a day", "longest gap", *PLAYS[1:]],
            rows,
        )

    assert most_calls_in_a_day(calls) <= BUDGET
    assert sum(len(times) for times in polled.values()) >= 0.9 * 480 * SHARED_DAYS
    assert max(row[3] for row in rows) <= timedelta(hours=1)
    # What half-hourly polls of everybody would have got and these did not: bursts of an offline phone, mostly.
    assert 100 * sum(row[5] for row in rows) <= sum(row[4] for row in rows)
    busy, quiet = polled[users[-1]], polled[users[0]]
    assert len(busy) > 1.3 * len(quiet)
