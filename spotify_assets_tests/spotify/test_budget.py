"""How a budget is shared out."""

from datetime import UTC, datetime, timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spotify_assets.spotify.budget import DAY, Need, daily_budget, most_urgent, polling_window, polls_allowed, share

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("configured", "served", "is_development", "expected"),
    [
        (None, 0, False, 500),
        (None, 5, False, 500),
        (None, 6, False, None),
        (None, 6, True, 500),
        ("none", 1, True, None),
        (300, 1, False, 300),
        (300, 400, False, 300),
    ],
)
def test_the_budget_is_that_of_development_mode_until_it_can_not_be(
    configured: int | Literal["none"] | None, served: int, expected: int | None, *, is_development: bool
) -> None:
    assert daily_budget(configured, served, is_development=is_development) == expected


@given(budget=st.integers(1, 5000), listeners=st.integers(0, 400))
def test_no_purpose_can_take_what_a_more_urgent_one_needs(budget: int, listeners: int) -> None:
    polling = share("polling", budget, listeners)
    charts, enrichment = share("charts", budget, listeners), share("enrichment", budget, listeners)
    connection = share("connection", budget, listeners)
    needed = min(48 * listeners, polls_allowed(budget))

    assert polling == budget
    assert 0 <= enrichment <= charts <= connection
    assert connection + needed <= budget
    # What a person asks for keeps the spare, however busy the charts and enrichment are.
    assert charts + needed <= polls_allowed(budget)


@given(budget=st.integers(1, 5000))
def test_polls_that_fill_every_window_stay_within_the_day(budget: int) -> None:
    span, most = polling_window(budget)
    # Ticks are half an hour apart, so a window that is five minutes short of the hour holds two of them.
    whole = span + timedelta(minutes=5)

    assert most >= 1
    assert most * (DAY / whole) <= max(polls_allowed(budget), 1) + 1e-6


def test_the_busiest_and_the_longest_unseen_are_polled_first() -> None:
    needs = [
        Need("quiet", NOW - timedelta(hours=2), 1),
        Need("busy", NOW - timedelta(hours=1), 100),
        Need("new", None, 0.1),
        Need("waiting", NOW - timedelta(hours=30), 20),
        Need("just", NOW, 500),
    ]

    assert most_urgent(needs, NOW, 3) == ["new", "waiting", "busy"]
    assert most_urgent(needs, NOW, 99) == ["new", "waiting", "busy", "quiet", "just"]
    assert most_urgent(needs, NOW, 0) == []


@given(st.lists(st.floats(1, 20), min_size=1, max_size=30), st.integers(1, 10))
def test_nobody_waits_for_ever(plays_a_day: list[float], most: int) -> None:
    """Polling a few at each half hour, everybody is reached again and again, however busy the others are."""
    polled: dict[str, datetime | None] = {f"u{number}": None for number in range(len(plays_a_day))}
    reached = dict.fromkeys(polled, 0)
    for tick in range(20 * len(plays_a_day)):
        now = NOW + tick * timedelta(minutes=30)
        needs = [Need(user, at, plays_a_day[int(user[1:])]) for user, at in polled.items()]
        for user in most_urgent(needs, now, most):
            polled[user] = now
            reached[user] += 1

    assert min(reached.values()) >= 2
