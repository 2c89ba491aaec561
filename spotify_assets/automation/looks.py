"""What the sensor `landed_but_not_loaded` remembers between two looks, and what follows from it. It asks nobody.

A look goes through the days that are new and one month of the past; a month after the other, so that each day of the
past is looked at about once a day, however long that past has become. What was found is asked for again after a wait
that doubles: an object that no load can take must not cost a run at every look.
"""

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

RECENT_DAYS = 3
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=30), timedelta(days=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Asked:
    """How often something was asked for, and when it may be again (UTC)."""

    times: int
    again_at: datetime


@dataclass(frozen=True)
class Memory:
    """The cursor. `asked` is by day (ISO), or by a digest of an export's name, so that it names nobody."""

    month: date | None = None
    """The first day of the month to look at next; None where the past has been gone through."""
    round_of: date | None = None
    """The day on which the past was last begun with."""
    asked: Mapping[str, Asked] = field(default_factory=dict)

    def is_due(self, what: str, now: datetime) -> bool:
        """Whether this may be asked for."""
        return what not in self.asked or now >= self.asked[what].again_at

    def having_asked(self, names: Iterable[str], now: datetime) -> "Memory":
        """After a run was asked for these."""
        asked = dict(self.asked)
        for name in names:
            times = asked[name].times + 1 if name in asked else 1
            asked[name] = Asked(times, now + min(FIRST_WAIT * 2 ** (times - 1), LONGEST_WAIT))
        return replace(self, asked=asked)

    def having_looked_at(self, days: Collection[date], missing: Collection[str]) -> "Memory":
        """After a look at these days: only days that were not looked at, and what is missing, are remembered."""
        seen = {day.isoformat() for day in days}
        not_seen = {name for name in self.asked if _is_day(name) and name not in seen}
        kept = {name: asked for name, asked in self.asked.items() if name in missing or name in not_seen}
        return replace(self, asked=kept)

    def next_month(self, today: date, begin: date | None) -> "Memory":
        """Where the next look goes: on through the past, or, once a day, to its `begin` (None: there is no past)."""
        if self.month is not None:
            following = _month_after(self.month)
            return replace(self, month=following if following <= today else None)
        if self.round_of == today or begin is None:
            return self
        return replace(self, month=begin.replace(day=1), round_of=today)


def read_cursor(cursor: str | None) -> Memory:
    """The memory in a cursor; an empty one for none, or one that can't be read."""
    try:
        found = json.loads(cursor or "{}")
        return Memory(
            month=_date_or_none(found.get("month")),
            round_of=_date_or_none(found.get("round_of")),
            asked={
                name: Asked(int(times), datetime.fromisoformat(again_at).astimezone(UTC))
                for name, (times, again_at) in found.get("asked", {}).items()
            },
        )
    except (ValueError, TypeError, AttributeError):
        return Memory()


def write_cursor(memory: Memory) -> str:
    asked = {name: (each.times, each.again_at.isoformat()) for name, each in sorted(memory.asked.items())}
    return json.dumps({"month": _iso(memory.month), "round_of": _iso(memory.round_of), "asked": asked})


def days_to_look_at(memory: Memory, today: date) -> set[date]:
    """The days that are new, and those of the month that is next."""
    days = {today - number * _DAY for number in range(RECENT_DAYS)}
    if memory.month is not None:
        span = (min(_month_after(memory.month), today + _DAY) - memory.month).days
        days |= {memory.month + number * _DAY for number in range(span)}
    return days


def first_span(days: Iterable[date]) -> list[date]:
    """The first of these days, with those that follow it without a gap: one run loads them together."""
    ordered = sorted(days)
    return [day for number, day in enumerate(ordered) if day == ordered[0] + number * _DAY]


def _month_after(month: date) -> date:
    return (month.replace(day=1) + 32 * _DAY).replace(day=1)


def _is_day(name: str) -> bool:
    return len(name) == len("2026-01-01") and name[4] == "-"


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _date_or_none(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None
