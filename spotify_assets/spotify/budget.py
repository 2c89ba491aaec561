"""How a daily budget of requests is shared out: what was asked lately goes in, what may be asked comes out.

The budget counts calls to the Web API in any 24 hours. Polling comes first: its share is kept free of all else. What is
left goes to the charts and then to enrichment. Within polling the calls are spread over the day, so that a budget that
is too small for everybody makes polls rarer and never silences a whole evening.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Purpose = Literal["polling", "charts", "enrichment", "connection"]

DEVELOPMENT_BUDGET = 500
"""Calls a day that Development Mode is known to bear; blocked apps were seen from some 800 on."""
DEVELOPMENT_LISTENERS = 5
"""Development Mode serves no more accounts than these, so an app with more has extended quota."""
POLLS_A_DAY = 48
CHARTS_A_DAY = 50
"""Kept free of enrichment: the charts are asked for every half hour until they are published."""
# Logins, `doctor` and the like: what a person asks for must not fail because the day was planned to the last call.
SPARE_SHARE = 0.04
DAY = timedelta(hours=24)
# Short of an hour, so that ticks half an hour apart never meet three to a window.
SLACK = timedelta(minutes=5)


def daily_budget(configured: int | Literal["none"] | None, served: int, *, is_development: bool) -> int | None:
    """Calls allowed in 24 hours; None is no limit.

    Unset, it is 500 for an app that is known to be in Development Mode, and for any other until Spotify has lately
    `served` more listeners than five.
    """
    if configured == "none":
        return None
    if configured is None:
        return DEVELOPMENT_BUDGET if is_development or served <= DEVELOPMENT_LISTENERS else None
    return configured


def polls_allowed(budget: int) -> int:
    """How many calls polling may make in 24 hours: all but a small spare."""
    return max(1, int(budget * (1 - SPARE_SHARE)))


def share(purpose: Purpose, budget: int, listeners: int) -> int:
    """How many calls in 24 hours this purpose and the less urgent ones may make together.

    `connection` is what a person or the daily look asks: it has the spare, and what charts and enrichment leave.
    """
    polling = min(POLLS_A_DAY * listeners, polls_allowed(budget))
    if purpose == "polling":
        return budget
    if purpose == "connection":
        return budget - polling
    charts = polls_allowed(budget) - polling
    return max(0, charts if purpose == "charts" else charts - CHARTS_A_DAY)


def rivals(purpose: Purpose) -> tuple[Purpose, ...]:
    """The purposes whose calls count against this one's share."""
    if purpose == "polling":
        return ("polling", "charts", "enrichment", "connection")
    return ("charts", "enrichment", "connection") if purpose == "connection" else ("charts", "enrichment")


def polling_window(budget: int) -> tuple[timedelta, int]:
    """A span, and how many polls may lie in it: an hour, or as long as it takes to allow one poll."""
    a_day = polls_allowed(budget)
    hours = max(1.0, 24 / a_day)
    return timedelta(hours=hours) - SLACK, max(1, int(a_day * hours / 24))


@dataclass(frozen=True)
class Need:
    """One listener's claim to be polled: when Spotify was last asked (UTC; None is never), and plays a day lately."""

    user_id: str
    asked_at: datetime | None
    plays_a_day: float


def most_urgent(needs: Sequence[Need], now: datetime, most: int) -> list[str]:
    """Whom to poll now, at most `most`: who never was, then who has probably played most since, then longest.

    Spotify keeps 50 plays, so what a listener stands to lose grows with the plays since the last poll.
    """

    def unseen(need: Need) -> tuple[bool, float, float, str]:
        if need.asked_at is None:
            return (False, 0.0, 0.0, need.user_id)
        since = (now - need.asked_at) / DAY
        return (True, -since * need.plays_a_day, -since, need.user_id)

    return [need.user_id for need in sorted(needs, key=unseen)[:most]]


def intervals(needs: Sequence[Need], budget: int | None) -> dict[str, timedelta]:
    """How long each listener waits between two polls where `most_urgent` chooses: a tick where everybody fits.

    Who is chosen has played about as much since the last poll as everybody else who is, so the waits are to each other
    as the plays a day are, the other way round; nobody is polled more often than at each tick.
    """
    tick = DAY / POLLS_A_DAY
    if budget is None or POLLS_A_DAY * len(needs) <= polls_allowed(budget):
        return {need.user_id: tick for need in needs}
    busiest = sorted(needs, key=lambda need: -need.plays_a_day)
    left = float(polls_allowed(budget))
    waits: dict[str, timedelta] = {}
    while busiest:
        wait = DAY * (sum(need.plays_a_day for need in busiest) / left) / busiest[0].plays_a_day
        if wait >= tick:
            break
        waits[busiest.pop(0).user_id] = tick
        left -= POLLS_A_DAY
    together = sum(need.plays_a_day for need in busiest)
    return waits | {need.user_id: DAY * (together / left) / need.plays_a_day for need in busiest}
