"""A listener's own habit: how many plays a day of this weekday usually has, and when to speak of another number.

Pure. A quiet spell (a holiday, a lost phone) is spoken of on its first day, after a week and after four, and then no
more: by then it is the habit, or nobody knows any longer what that was.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

DAYS_BACK = 84
"""How far back a habit is looked for: eight weeks of each weekday, behind a spell of four."""
WEEKS, ENOUGH_WEEKS, FEWEST_WEEKS = 8, 6, 4
"""A habit is that of so many weeks at most. Below the second number of them no odd one is left out, below the third
nothing is said."""
LEAST = 4
"""Where fewer plays than these were not rare, a day without any tells nothing."""
QUIET, BUSY, MORE = 4, 3, 60
"""So many times fewer than on a slow day is quiet; so many times more than on a full one, and so many more, is busy."""
TOLD_ON = (0, 7, 28)
"""Days of a quiet spell on which it is spoken of."""

_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Usual:
    """The slowest and the fullest day of a weekday, but for the one slowest and the one fullest of enough weeks."""

    low: int
    high: int

    def is_quiet(self, plays: int) -> bool:
        return self.low >= LEAST and plays * QUIET < self.low

    def is_busy(self, plays: int) -> bool:
        return plays > self.high * BUSY and plays - self.high >= MORE


@dataclass(frozen=True)
class Finding:
    """What a local day was like. `usual` is None where the history is too short to say."""

    day: date
    plays: int
    usual: Usual | None
    quiet_since: date | None = None
    """The first day of the quiet spell that the day belongs to."""
    is_remembered: bool = False
    """Whether that weekday was as usual in one of the five weeks before; else the spell has become the habit."""

    @property
    def is_told(self) -> bool:
        """Whether a person should look."""
        if self.quiet_since:
            return self.is_remembered and (self.day - self.quiet_since).days in TOLD_ON
        return self.usual is not None and self.usual.is_busy(self.plays)


def judge(counts: Mapping[date, int], first: date, day: date) -> Finding:
    """Judges a whole local day by those from `first` on; dates without plays need not be in `counts`.

    Quiet days are no part of a habit, so a spell doesn't make itself usual.
    """
    normal: dict[int, list[int]] = {weekday: [] for weekday in range(7)}
    quiet_since: date | None = None
    at = max(first, day - timedelta(days=DAYS_BACK))
    while True:
        plays, past = counts.get(at, 0), normal[at.weekday()]
        usual = _usual(past)
        is_quiet = usual is not None and usual.is_quiet(plays)
        if is_quiet:
            quiet_since = quiet_since or at
        elif plays and usual is not None:
            quiet_since = None
        if at == day:
            before = [counts.get(day - week * 7 * _DAY, 0) for week in range(1, 6)]
            is_remembered = usual is not None and max(before) >= usual.low
            return Finding(day, plays, usual, quiet_since if is_quiet else None, is_remembered)
        if not is_quiet:
            past.append(plays)
        at += _DAY


def _usual(past: list[int]) -> Usual | None:
    if len(past) < FEWEST_WEEKS:
        return None
    latest = sorted(past[-WEEKS:])
    if len(latest) >= ENOUGH_WEEKS:
        latest = latest[1:-1]
    return Usual(latest[0], latest[-1])
