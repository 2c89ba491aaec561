"""The sensor's cursor: how far the ends of runs were looked at, and what is remembered of what failed. Names nobody."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from spotify_assets.automation.alerts.memory import Trouble
from spotify_assets.automation.alerts.runs import End

SETTLED = 60.0
"""Seconds after which no end of a run with a smaller number appears any more: Postgres commits them out of order."""

Route = Literal["slack", "log"]


@dataclass(frozen=True)
class Cursor:
    """Everything up to `after` was looked at, and the ends that are `handled`. Times are Unix seconds."""

    after: int
    since: float
    """When the newest of them ended."""
    route: Route
    """Where it was told."""
    handled: tuple[tuple[int, str], ...] = ()
    """By number, with the beginning of the run's id: SQLite may give a number anew."""
    wait_until: float = 0.0
    """Slack asked not to be called before."""
    troubles: Mapping[str, Trouble] = field(default_factory=dict)

    def has(self, end: End) -> bool:
        """Whether this end was looked at."""
        return _mark(end) in self.handled

    def looked_at(self, end: End, now: float, troubles: Mapping[str, Trouble]) -> "Cursor":
        """The cursor after this end too."""
        handled = {*self.handled, _mark(end)}
        settled = end.number if end.at <= now - SETTLED else 0
        after = max(self.after, settled)
        return replace(
            self,
            after=after,
            since=max(self.since, end.at),
            handled=tuple(sorted(mark for mark in handled if mark[0] > after)),
            troubles=troubles,
        )

    def written(self) -> str:
        return json.dumps(
            {
                "after": self.after,
                "since": self.since,
                "route": self.route,
                "handled": self.handled,
                "wait_until": self.wait_until,
                "troubles": {key: _short(trouble) for key, trouble in self.troubles.items()},
            },
            separators=(",", ":"),
        )


def read_cursor(text: str | None) -> Cursor | None:
    """The cursor; None for none, and for one that can't be read, which is a first start too."""
    try:
        told = json.loads(text or "")
        return Cursor(
            after=int(told["after"]),
            since=float(told["since"]),
            route="slack" if told["route"] == "slack" else "log",
            handled=tuple((int(number), str(run)) for number, run in told["handled"]),
            wait_until=float(told["wait_until"]),
            troubles={str(key): _trouble(*short) for key, short in told["troubles"].items()},
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _mark(end: End) -> tuple[int, str]:
    return end.number, end.run_id[:8]


def _short(trouble: Trouble) -> list[float | str]:
    return [
        round(trouble.since),
        trouble.fails,
        trouble.row,
        trouble.spells,
        round(trouble.failed_at),
        round(trouble.told_at),
        trouble.told_fails,
        int(trouble.is_error),
        " ".join(trouble.reasons),
        int(trouble.is_over),
    ]


def _trouble(
    since: float,
    fails: int,
    row: int,
    spells: int,
    failed_at: float,
    told_at: float,
    told_fails: int,
    is_error: int,
    reasons: str,
    is_over: int,
) -> Trouble:
    return Trouble(
        since, fails, row, spells, failed_at, told_at, told_fails, bool(is_error), tuple(reasons.split()), bool(is_over)
    )
