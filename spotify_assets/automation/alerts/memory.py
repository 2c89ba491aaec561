"""What fails since when and how often it was told: decides which failures and recoveries are worth a message.

Told are the first failure, one that is worse or for another reason, the sixth in a row, then one a day (one a week of
what the nightly audit finds); and, once, that it passes again. What comes and goes is told as such, then every six
hours at most, and as over when it has passed for as long. Times are Unix seconds: those at which the runs ended, so
that it makes no difference when they are looked at.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

AGAIN_AT = 6
"""The failure in a row that is told again."""
DAILY = 23 * 3600.0
"""Runs of the same hour of the day are not quite a day apart."""
WEEKLY = DAILY + 6 * 86_400.0
COOL_DOWN = 6 * 3600.0
MOST = 300
"""So many troubles are remembered: they are kept in the cursor, which Dagster writes at every tick."""
MOST_REASONS = 4
_FORGOTTEN_AFTER = 30 * 86_400.0
# Counts, times, ids and digests change from run to run; the rest of a sentence is its reason.
_CHANGING = re.compile(r"\b[0-9a-f]{8,}(-[0-9a-f]{4,})*\b|\d+")

Change = Literal["new", "worse", "another reason", "still", "comes and goes", "passes again"]


@dataclass(frozen=True)
class Trouble:
    """Something that failed."""

    since: float
    fails: int
    """All failures since then."""
    row: int
    """Failures in a row; 0 while it passes."""
    spells: int
    """How often it began to fail."""
    failed_at: float
    """When it failed last."""
    told_at: float
    told_fails: int
    """How many failures had been counted when it was told last."""
    is_error: bool
    reasons: tuple[str, ...]
    """Digests of what was told."""
    is_over: bool = False
    """Whether it was told that it passes again."""


@dataclass(frozen=True)
class Telling:
    """What is worth telling of a trouble: what changed, and the trouble as it is now."""

    change: Change
    trouble: Trouble
    held_back: int = 0
    """Failures since the last telling, before this one, that were not told."""


Memory = Mapping[str, Trouble]


def key_of(*names: str) -> str:
    """By what a trouble is remembered: a digest, for a partition may name a listener."""
    return _digest("\0".join(names), 12)


def reason_of(sentence: str) -> str:
    """A digest that is the same for sentences that differ in counts, times and ids only."""
    return _digest(_CHANGING.sub("#", sentence), 6)


def failed(
    before: Trouble | None, now: float, reason: str, *, is_error: bool, remind: float = DAILY
) -> tuple[Trouble, Telling | None]:
    """The trouble after a failure, and what is to be told of it, if anything: each `remind` seconds at the least."""
    if before is None or (before.is_over and now - before.failed_at > COOL_DOWN):
        trouble = Trouble(now, 1, 1, 1, now, now, 1, is_error, (reason,))
        return trouble, Telling("new", trouble)
    came_back = before.row == 0
    trouble = replace(
        before,
        fails=before.fails + 1,
        row=before.row + 1,
        spells=before.spells + came_back,
        failed_at=now,
        is_over=False,
    )
    change = _change(before, trouble, now, reason, is_error=is_error, remind=remind)
    if change is None:
        return trouble, None
    reasons = trouble.reasons if reason in trouble.reasons else (*trouble.reasons, reason)
    told = replace(trouble, told_at=now, told_fails=trouble.fails, is_error=is_error, reasons=reasons)
    return told, Telling(change, told, trouble.fails - before.told_fails - 1)


def _change(
    before: Trouble, trouble: Trouble, now: float, reason: str, *, is_error: bool, remind: float
) -> Change | None:
    if is_error and not before.is_error:
        return "worse"
    if reason not in before.reasons and len(before.reasons) < MOST_REASONS:
        return "another reason"
    if before.row == 0:
        # The first return is told at once: a person was told that all is well.
        return "comes and goes" if before.is_over or now - before.told_at >= COOL_DOWN else None
    if trouble.row == AGAIN_AT or now - before.told_at >= remind:
        return "still"
    return None


def passed(before: Trouble, now: float) -> tuple[Trouble | None, Telling | None]:
    """The trouble after it passed, None for one that is over for good, and what is to be told of it."""
    rested = now - before.failed_at >= COOL_DOWN
    if before.is_over:
        return (None if rested else replace(before, row=0)), None
    if before.spells == 1 or rested:
        over = replace(before, row=0, is_over=True, told_at=now, told_fails=before.fails)
        # Remembered for a while, to notice when it comes back.
        return (None if rested else over), Telling("passes again", over, before.fails - before.told_fails)
    return replace(before, row=0), None


def bounded(memory: Memory, now: float) -> dict[str, Trouble]:
    """Without what failed so long ago that it can't be told of, and the latest where there are too many."""
    alive = {
        key: trouble
        for key, trouble in memory.items()
        if now - trouble.failed_at <= (COOL_DOWN if trouble.is_over else _FORGOTTEN_AFTER)
    }
    latest = sorted(alive, key=lambda key: (alive[key].is_over, -alive[key].failed_at))
    return {key: alive[key] for key in sorted(latest[:MOST])}


def _digest(text: str, length: int) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:length]
