"""The gate that every call to the Web API passes, shared by all processes through Postgres."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from spotify_assets.clock import Clock
from spotify_assets.spotify.governor import CALLS_AT_ONCE, DEVELOPMENT_WINDOW, Governor
from spotify_assets.spotify.outcomes import BudgetSpent, QuotaExceeded, RateLimited, StillBlocked
from spotify_assets.storage.warehouse import Warehouse

API = "http://127.0.0.1:1/v1"
START = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass
class MovableClock(Clock):
    """Stands still, and is moved by the test and by whoever sleeps."""

    at: datetime = START
    slept: list[float] = field(default_factory=list)

    @property
    def is_real(self) -> bool:
        return False

    def now(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


NewGovernor = Callable[..., Governor]


@pytest.fixture
def new_governor(warehouse: Warehouse, clock: MovableClock) -> NewGovernor:
    def make(budget: int | None = None, listeners: int = 1) -> Governor:
        return Governor(warehouse, clock, API, budget, listeners, sleep=clock.sleep)

    return make


def call(governor: Governor, purpose: str = "polling", times: int = 1) -> None:
    for _ in range(times):
        with governor.gate(purpose, "anna").call():  # type: ignore[arg-type]
            pass


def test_every_call_is_on_record_before_it_is_made(new_governor: NewGovernor, warehouse: Warehouse) -> None:
    with new_governor().gate("polling", "anna").call(), warehouse.connect() as connection:
        row = connection.execute("select api_url, purpose, user_id, asked_at, ended_at from ops.requests").fetchone()

    assert row == (API, "polling", "anna", START, None)
    assert new_governor(500).standing().used == 1
    assert new_governor(500).standing().left == 499


def test_the_budget_is_never_passed_and_comes_back_call_by_call(new_governor: NewGovernor, clock: MovableClock) -> None:
    governor = new_governor(10)
    for _ in range(10):
        call(governor)
        clock.at += timedelta(hours=1)
    with pytest.raises(BudgetSpent) as spent:
        call(governor)
    assert spent.value.until == START + timedelta(hours=24)
    assert "2026-11-22 12:00 UTC" in str(spent.value)

    clock.at = spent.value.until
    call(governor)
    with pytest.raises(BudgetSpent):
        call(governor)


def test_polling_keeps_its_share_from_charts_and_both_from_enrichment(new_governor: NewGovernor) -> None:
    """Budget 200, one listener: 48 calls are polling's, 50 the charts', 8 a person's; the rest is for enrichment."""
    governor = new_governor(200)
    for purpose, most in (("enrichment", 94), ("charts", 50), ("connection", 8), ("polling", 48)):
        with governor.warehouse.connect() as connection:
            connection.execute(
                "insert into ops.requests (api_url, purpose, asked_at, ended_at) "
                "select %s, %s, %s, %s from generate_series(2, %s)",
                (API, purpose, START - timedelta(hours=1), START, most),
            )
        call(governor, purpose)
        with pytest.raises(BudgetSpent, match=purpose):
            call(governor, purpose)


def test_a_quota_block_stops_every_process_at_once_and_ends_by_itself(
    new_governor: NewGovernor, clock: MovableClock
) -> None:
    quota = QuotaExceeded(START + timedelta(hours=14))
    new_governor().gate("enrichment").told_to_wait(quota)

    with pytest.raises(StillBlocked) as blocked:
        call(new_governor())
    assert (blocked.value.until, str(blocked.value)) == (quota.until, str(quota))
    assert clock.slept == []
    clock.at = quota.until
    call(new_governor())


def test_a_short_wait_that_one_call_was_told_all_others_keep_too(
    new_governor: NewGovernor, clock: MovableClock
) -> None:
    new_governor().gate("polling").told_to_wait(RateLimited(START + timedelta(seconds=20)))

    call(new_governor(), "charts")

    assert clock.slept == [20.0]


def test_what_spotify_calls_too_many_in_30_seconds_is_learnt_and_kept_to(
    new_governor: NewGovernor, clock: MovableClock
) -> None:
    governor = new_governor()
    call(governor, times=20)
    call(governor)  # the one that is refused
    governor.gate("polling").told_to_wait(RateLimited(START + timedelta(seconds=5)))
    call(governor, times=21)

    # Twenty fit into the window in which the limit was met; then it had to move on.
    assert clock.slept == [5.0, 25.0, 30.0]
    clock.at += timedelta(days=2)
    clock.slept.clear()
    call(governor, times=30)
    assert clock.slept == []


@pytest.mark.parametrize(
    ("seconds", "already"), [(14 * 3600, 1), (20, 1)], ids=["a long wait", "somebody else's calls"]
)
def test_a_429_that_has_little_to_do_with_our_calls_does_not_make_them_rare(
    new_governor: NewGovernor, clock: MovableClock, seconds: int, already: int
) -> None:
    call(new_governor(), times=already)
    new_governor().gate("polling").told_to_wait(RateLimited(START + timedelta(seconds=seconds)))
    clock.at += timedelta(seconds=seconds)

    call(new_governor(), times=10)

    assert clock.slept == []


def test_development_mode_has_a_window_before_spotify_complains(new_governor: NewGovernor, clock: MovableClock) -> None:
    call(new_governor(500), times=DEVELOPMENT_WINDOW + 1)

    assert clock.slept == [30.0]


def test_no_more_than_so_many_calls_are_under_way_and_nobody_waits_for_more_than_a_minute(
    new_governor: NewGovernor, clock: MovableClock
) -> None:
    with ExitStack() as under_way:
        for _ in range(CALLS_AT_ONCE):
            under_way.enter_context(new_governor().gate("polling").call())
        with pytest.raises(StillBlocked, match="hung"):
            call(new_governor())
        assert sum(clock.slept) <= 60
    call(new_governor())


def test_a_killed_process_does_not_keep_its_places(new_governor: NewGovernor, clock: MovableClock) -> None:
    for _ in range(CALLS_AT_ONCE):
        new_governor().enter("polling", "anna")
    clock.at += timedelta(minutes=4)

    call(new_governor())

    assert clock.slept == []


def test_calls_at_the_same_moment_are_counted_one_by_one(new_governor: NewGovernor) -> None:
    def one(_: int) -> bool:
        try:
            call(new_governor(20))
        except BudgetSpent:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(40))) == 20


def test_polls_are_spread_over_the_day(new_governor: NewGovernor, clock: MovableClock) -> None:
    """Fifteen listeners, 500 calls a day: 20 polls an hour, so 15 at one tick and 5 at the next."""
    governor = new_governor(500, 15)
    polled = []
    for _ in range(48):
        now = min(governor.polls_now() or 0, 15)
        call(governor, times=now)
        polled.append(now)
        clock.at = clock.at.replace(second=0) + timedelta(minutes=30)

    assert polled == [15, 5] * 24


def test_a_failed_poll_is_not_repeated_at_the_cost_of_the_next_round(new_governor: NewGovernor) -> None:
    governor = new_governor(500, 5)
    gate = governor.gate("polling", "anna")
    assert gate.may_retry()
    call(governor, times=15)
    assert not gate.may_retry()
    assert new_governor(None, 300).gate("polling").may_retry()


def test_calls_are_forgotten_after_a_week(new_governor: NewGovernor, clock: MovableClock, warehouse: Warehouse) -> None:
    call(new_governor())
    clock.at += timedelta(days=8)
    call(new_governor())
    new_governor().forget_old_calls()

    with warehouse.connect() as connection:
        assert connection.execute("select count(*) from ops.requests").fetchone() == (1,)
