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


class HostFailed(UserError):
    """A public host gave no usable answer; the sentence says which, why, and what happens next."""


@dataclass(frozen=True)
class Told:
    """An answer's bytes as they came, and when they had arrived whole, in UTC."""

    body: bytes = field(repr=False)
    fetched_at: datetime


@dataclass(frozen=True)
class Asker:
    """Asks one host. `jitter` gives a number in [0, 1); `tries` counts the first."""

    name: str
    session: requests.Session = field(repr=False)
    clock: Clock = field(repr=False)
    tries: int = TRIES
    jitter: Callable[[], float] = field(default=SystemRandom().random, repr=False)
    limits: Limits = field(default=Limits(read=20, exchange=40), repr=False)

    def get(self, url: str, params: Sequence[tuple[str, str]] = ()) -> tuple[Reply, datetime]:
        """The reply, whatever its status but 5xx and 429, and when it had arrived.

        Those, and answers that don't come, are asked for again, after waits that double. Raises `HostFailed`.
        """
        address = requests.Request("GET", url, params=list(params)).prepare().url or url
        for attempt in range(1, self.tries + 1):
            problem = ""
            try:
                reply = exchange(self.session, "GET", address, auth=NoAuth(), limits=self.limits)
            except NoAnswer as no_answer:
                problem = str(no_answer)
            else:
                if reply.status < 500 and reply.status != 429:
                    return reply, self.clock.now()
                problem = f"HTTP {reply.status}"
            if attempt < self.tries:
                self._rest(2.0 ** (attempt - 1) * (0.5 + self.jitter()))
        raise HostFailed(f"{self.name} gave no usable answer ({problem}, {self.tries} tries): it is asked again later.")

    def _rest(self, seconds: float) -> None:
        time.sleep(seconds)
