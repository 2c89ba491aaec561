"""Asking public hosts that need no login: bounded time, and patience for a bad moment of theirs."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from secrets import SystemRandom

import requests

from spotify_assets.clock import Clock
from spotify_assets.errors import UserError
from spotify_assets.spotify.exchange import Limits, NoAnswer, NoAuth, Reply, exchange

TRIES = 4
LONGEST_REST = 15.0
_LIMITS = Limits(read=20, exchange=40)
_jitter = SystemRandom().random


class HostFailed(UserError):
    """A public host gave no usable answer; the sentence says which, why, and what happens next."""


@dataclass(frozen=True)
class Told:
    """An answer's bytes as they came, and when they had arrived whole, in UTC."""

    body: bytes = field(repr=False)
    fetched_at: datetime


@dataclass
class Asker:
    """Asks one host, one call after the other. `tries` counts the first; `calls` were made so far, tries counted.

    `between_calls` are the seconds that lie between the beginnings of two calls; `sleep` takes seconds.
    """

    name: str
    session: requests.Session = field(repr=False)
    clock: Clock = field(repr=False)
    tries: int = TRIES
    between_calls: float = 0.0
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    calls: int = 0
    _next_at: float = 0.0

    def get(self, url: str, params: Sequence[tuple[str, str]] = ()) -> tuple[Reply, datetime]:
        """The reply, whatever its status but 5xx and 429, and when it had arrived.

        Those, and answers that don't come, are asked for again, after waits that double. Raises `HostFailed`.
        """
        address = requests.Request("GET", url, params=list(params)).prepare().url or url
        for attempt in range(1, self.tries + 1):
            problem = ""
            self._wait_for_my_turn()
            try:
                reply = exchange(self.session, "GET", address, auth=NoAuth(), limits=_LIMITS)
            except NoAnswer as no_answer:
                problem = str(no_answer)
            else:
                if reply.status < 500 and reply.status != 429:
                    return reply, self.clock.now()
                problem = f"HTTP {reply.status}"
            if attempt < self.tries:
                self._rest(min(2.0 ** (attempt - 1) * (0.5 + _jitter()), LONGEST_REST))
        raise HostFailed(f"{self.name} gave no usable answer ({problem}, {self.tries} tries): it is asked again later.")

    def _wait_for_my_turn(self) -> None:
        now = time.monotonic()
        if now < self._next_at:
            self.sleep(self._next_at - now)
        self._next_at = max(now, self._next_at) + self.between_calls
        self.calls += 1

    def _rest(self, seconds: float) -> None:
        self.sleep(seconds)
