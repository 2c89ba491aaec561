"""Spotify's two limiters: calls of the app in any 30 seconds, and the daily quota of Development Mode."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from random import Random

from spotify_assets.simulator.config import SimulatorConfig

_WINDOW = timedelta(seconds=30)
_DAY = timedelta(hours=24)


@dataclass(frozen=True)
class TooMany:
    """A 429: its Retry-After in seconds, and whether it is the quota."""

    retry_after: int
    is_quota: bool


class Limits:
    """Counts calls. Only calls that were let through count."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(f"{seed}|quota")  # noqa: S311 - not secrets
        self._recent: deque[datetime] = deque()
        self._today: deque[datetime] = deque()
        self.blocked_until: datetime | None = None

    def count(self, config: SimulatorConfig, now: datetime) -> TooMany | None:
        """Counts one call at `now`, or says why it is refused.

        The quota blocks for 13 to 15 hours, as observed; what was counted before a block is forgotten after it.
        """
        self._drop(now)
        if config.daily_quota is None:
            self.blocked_until = None
        elif self.blocked_until is None and len(self._today) >= config.daily_quota:
            self.blocked_until = now + timedelta(seconds=self._rng.randint(13 * 3600, 15 * 3600))
        if self.blocked_until is not None:
            return TooMany(ceil((self.blocked_until - now).total_seconds()), is_quota=True)
        if config.rate_limit is not None and len(self._recent) >= config.rate_limit:
            oldest = self._recent[0] if self._recent else now
            return TooMany(max(1, ceil((oldest + _WINDOW - now).total_seconds())), is_quota=False)
        self._recent.append(now)
        self._today.append(now)
        return None

    def _drop(self, now: datetime) -> None:
        if self.blocked_until is not None and now >= self.blocked_until:
            self.blocked_until = None
            self._today.clear()
        while self._recent and self._recent[0] <= now - _WINDOW:
            self._recent.popleft()
        while self._today and self._today[0] <= now - _DAY:
            self._today.popleft()
