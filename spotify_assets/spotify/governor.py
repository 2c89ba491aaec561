"""The one gate for calls to the Web API, shared by every process through Postgres.

Each call asks the gate before it is made. The gate writes it down in `ops.requests` and lets it through when Spotify
has not told the app to stay away, the daily budget leaves room for its purpose, the last 30 seconds are not full, and
not too many calls are under way. What is full for a moment is waited for, a minute at most; all else is an error that
says until when. The token endpoint is not counted: it belongs to the accounts service, which has limits of its own.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg

from spotify_assets.clock import Clock
from spotify_assets.errors import WarehouseUnavailable
from spotify_assets.spotify import budget as budgets
from spotify_assets.spotify import calls
from spotify_assets.spotify.blocks import Block, blocked_until, store_block
from spotify_assets.spotify.budget import DAY, Purpose
from spotify_assets.spotify.outcomes import Blocked, BudgetSpent, RateLimited, StillBlocked
from spotify_assets.spotify.verdicts import LONGEST_SLEEP
from spotify_assets.storage.warehouse import Warehouse

log = logging.getLogger(__name__)

CALLS_AT_ONCE = 16
# A call takes three minutes at most (`Limits.call`); what is under way for longer was killed.
LEASE = timedelta(minutes=3)
DEVELOPMENT_WINDOW = 60
"""Calls in 30 seconds while Spotify has not said otherwise. Its limit is unpublished; this is two calls a second."""
_LOCK_SPACE = 0x474F5652


@dataclass(frozen=True)
class Standing:
    """What is left of the budget, for a person. Counts are calls in the last 24 hours; a budget of None is no limit."""

    budget: int | None
    by_purpose: dict[str, int]
    block: Block | None

    @property
    def used(self) -> int:
        return sum(self.by_purpose.values())

    @property
    def left(self) -> int | None:
        return None if self.budget is None else max(0, self.budget - self.used)


@dataclass(frozen=True)
class _Full:
    """Not now: there is room in so many seconds, or else this is the error to raise."""

    seconds: float
    refusal: Blocked


@dataclass(frozen=True)
class Governor:
    """The gate of one API. `budget` None is no daily limit; `listeners` are those to be polled."""

    warehouse: Warehouse = field(repr=False)
    clock: Clock
    api_url: str
    budget: int | None
    listeners: int
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def gate(self, purpose: Purpose, user_id: str | None = None) -> "Gate":
        """What a client asks before each call that it makes for this purpose and listener."""
        return Gate(self, purpose, user_id)

    def standing(self) -> Standing:
        """What was asked in the last 24 hours, and whether Spotify has told the app to stay away."""
        now = self.clock.now()
        with self.warehouse.connect() as connection:
            return Standing(
                self.budget,
                calls.made_since(connection, self.api_url, now - DAY),
                blocked_until(connection, self.api_url, now),
            )

    def polls_now(self) -> int | None:
        """How many listeners may be polled now, so that the day's polls are spread over the day; None is everybody."""
        if self.budget is None:
            return None
        now = self.clock.now()
        with self.warehouse.connect() as connection:
            today = sum(calls.made_since(connection, self.api_url, now - DAY).values())
            return max(0, min(self._polls_left(connection, now), self.budget - today))

    def no_room(self, purpose: Purpose) -> str | None:
        """Why no call may be made for this purpose now, in a sentence; None where one may."""
        now = self.clock.now()
        with self.warehouse.connect() as connection:
            block = blocked_until(connection, self.api_url, now)
            if block or self.budget is None:
                return block.reason if block else None
            try:
                self._check_budget(connection, self.budget, purpose, now)
            except BudgetSpent as spent:
                return str(spent)
        return None

    def may_retry(self, purpose: Purpose) -> bool:
        """Whether a failed call may be repeated at once: not where that would cost the next round of polls."""
        if self.budget is None or purpose != "polling":
            return True
        with self.warehouse.connect() as connection:
            return self._polls_left(connection, self.clock.now()) > self.listeners

    def forget_old_calls(self) -> None:
        """Drops what is older than a week."""
        with self.warehouse.connect() as connection:
            calls.forget_old(connection, self.api_url, self.clock.now())

    def enter(self, purpose: Purpose, user_id: str | None) -> int:
        """Waits for room, a minute at most, and returns the call's number.

        Raises `StillBlocked`, `BudgetSpent` and `WarehouseUnavailable`.
        """
        waited = 0.0
        now = self.clock.now()
        while True:
            with self.warehouse.connect() as connection:
                admitted = self._admit(connection, purpose, user_id, now)
            if isinstance(admitted, int):
                return admitted
            waited += admitted.seconds
            if waited > LONGEST_SLEEP:
                raise admitted.refusal
            self.sleep(admitted.seconds)
            # A clock that stands still, as a simulated one does, doesn't show that the wait is over.
            now = max(self.clock.now(), now + timedelta(seconds=admitted.seconds))

    def leave(self, number: int) -> None:
        """The call has ended, however it did. Its answer is worth more than this note: a lost warehouse is no error."""
        try:
            with self.warehouse.connect() as connection:
                calls.end(connection, number, self.clock.now())
        except WarehouseUnavailable as lost:
            log.info("the end of a call is not on record: %s", lost)

    def told_to_wait(self, limit: Blocked) -> None:
        """Keeps what a 429 said for every process; a short one also teaches how many calls in 30 s are too many."""
        now = self.clock.now()
        with self.warehouse.connect() as connection:
            store_block(connection, self.api_url, limit.until, str(limit))
            if isinstance(limit, RateLimited) and (limit.until - now).total_seconds() <= LONGEST_SLEEP:
                calls.learn_window(connection, self.api_url, now)

    def _polls_left(self, connection: psycopg.Connection, now: datetime) -> int:
        span, most = budgets.polling_window(self.budget or 0)
        return most - calls.made_since(connection, self.api_url, now - span).get("polling", 0)

    def _admit(
        self, connection: psycopg.Connection, purpose: Purpose, user_id: str | None, now: datetime
    ) -> int | _Full:
        connection.execute("select pg_advisory_xact_lock(%s, hashtext(%s))", (_LOCK_SPACE, self.api_url))
        full = self._blocked(connection, now) or self._momentarily_full(connection, now)
        if full:
            return full
        if self.budget is not None:
            self._check_budget(connection, self.budget, purpose, now)
        return calls.begin(connection, self.api_url, purpose, user_id, now)

    def _blocked(self, connection: psycopg.Connection, now: datetime) -> _Full | None:
        block = blocked_until(connection, self.api_url, now)
        if block is None:
            return None
        full = _Full((block.until - now).total_seconds(), StillBlocked(block.until, block.reason))
        if full.seconds > LONGEST_SLEEP:
            raise full.refusal
        return full

    def _momentarily_full(self, connection: psycopg.Connection, now: datetime) -> _Full | None:
        """Whether the last 30 seconds or the calls under way leave no room just now."""
        if calls.under_way(connection, self.api_url, now - LEASE) >= CALLS_AT_ONCE:
            return _Full(0.1, StillBlocked(now + LEASE, f"{CALLS_AT_ONCE} calls to Spotify have hung for a minute."))
        most = calls.learnt_window(connection, self.api_url, now)
        if most is None and self.budget is not None:
            most = DEVELOPMENT_WINDOW
        if most is None:
            return None
        free = calls.window_is_full_until(connection, self.api_url, most, now)
        if free is None:
            return None
        reason = f"Other calls fill this app's limit of about {most} in 30 seconds; the next tick asks again."
        return _Full(max((free - now).total_seconds(), 0.1), StillBlocked(free, reason))

    def _check_budget(self, connection: psycopg.Connection, budget: int, purpose: Purpose, now: datetime) -> None:
        used = calls.made_since(connection, self.api_url, now - DAY)
        share = budgets.share(purpose, budget, self.listeners)
        rivals = budgets.rivals(purpose)
        if sum(used.values()) < budget and sum(used.get(rival, 0) for rival in rivals) < share:
            return
        oldest = calls.oldest_since(connection, self.api_url, now - DAY, rivals)
        until = (oldest or now) + DAY
        raise BudgetSpent(until, purpose, budget, share)


@dataclass(frozen=True)
class Gate:
    """The gate for one purpose and listener."""

    governor: Governor
    purpose: Purpose
    user_id: str | None

    @contextmanager
    def call(self) -> Iterator[None]:
        """Around each call: waits to be let in, and tells when the call has ended."""
        number = self.governor.enter(self.purpose, self.user_id)
        try:
            yield
        finally:
            self.governor.leave(number)

    def may_retry(self) -> bool:
        """See `Governor.may_retry`."""
        return self.governor.may_retry(self.purpose)

    def told_to_wait(self, limit: Blocked) -> None:
        """See `Governor.told_to_wait`."""
        self.governor.told_to_wait(limit)
