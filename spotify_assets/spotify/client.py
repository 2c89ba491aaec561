"""Calls to the Web API for one listener: typed outcomes, bounded waits, bytes as they came.

What an answer means beyond being a JSON object is the loader's to judge: what lands must be what Spotify said. Whether
a call may be made at all is the gate's to say (`governor.py`).
"""

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import SystemRandom
from typing import Protocol

import requests
from pydantic import ValidationError

from spotify_assets.clock import Clock
from spotify_assets.spotify.exchange import Bearer, Limits, NoAnswer, exchange
from spotify_assets.spotify.models import Profile
from spotify_assets.spotify.outcomes import AccessRefused, Blocked, QuotaExceeded, RateLimited, Transient
from spotify_assets.spotify.verdicts import LONGEST_SLEEP, refusal

TRIES = 4
SHORT_WAITS = 3


@dataclass(frozen=True)
class Answer:
    """A body as Spotify sent it (a JSON object; no content encoding), and when it had arrived whole, in UTC."""

    body: bytes = field(repr=False)
    fetched_at: datetime


class Gate(Protocol):
    """Whoever decides about calls: see `governor.Governor`."""

    def call(self) -> AbstractContextManager[None]: ...

    def may_retry(self) -> bool: ...

    def told_to_wait(self, limit: Blocked) -> None: ...


@dataclass
class SpotifyClient:
    """One listener's access to the Web API.

    `token(rejected)` gives an access token; it is called with None, and after a 401 once with the token that was
    refused (see `TokenStore.access_token`). `sleep` takes seconds; `jitter` gives a number in [0, 1). `user_id` is for
    the sentences in errors. `calls` were made so far, each try of them counted, whatever came of it.
    """

    session: requests.Session = field(repr=False)
    api_url: str
    token: Callable[[str | None], str] = field(repr=False)
    clock: Clock = field(repr=False)
    gate: Gate = field(repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    user_id: str | None = None
    jitter: Callable[[], float] = field(default=SystemRandom().random, repr=False)
    limits: Limits = field(default=Limits(), repr=False)
    calls: int = 0

    def recently_played(self) -> Answer:
        """The newest plays, 50 at most, newest first. No cursor: one would lose the plays that are published late."""
        return self.get("/me/player/recently-played", {"limit": "50"})

    def me(self) -> Profile:
        """The account behind the token. Raises as `get` does."""
        answer = self.get("/me")
        try:
            return Profile.model_validate_json(answer.body)
        except ValidationError:
            pass
        raise Transient("GET /me", "an account without an id", self.user_id)

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer:
        """`GET` of a path below the API's address, such as `/me`.

        Waits as told for a 429 of up to 60 s (three times at most) and backs off with jitter after what is `Transient`
        (four tries in all). Takes no longer than `limits.call` seconds, plus one token refresh and a minute at the gate
        for each try. Raises the types in `outcomes.py`, and what `token` and the gate raise.
        """
        return _Call(self, path, params).run()


class _Call:
    """One call with its retries, and what it has used up of them."""

    def __init__(self, client: SpotifyClient, path: str, params: Mapping[str, str] | None) -> None:
        self._client = client
        self._path = path
        self._params = params
        self._name = f"GET {path}"
        self._tries = 0
        self._short_waits = 0
        self._answered_at = datetime.min.replace(tzinfo=UTC)
        self._until = time.monotonic() + client.limits.call

    def run(self) -> Answer:
        rejected: str | None = None
        refused_before = False
        while True:
            try:
                token = self._client.token(rejected)
                answer = self._ask(token)
            except Transient as failure:
                self._back_off(failure)
                continue
            except QuotaExceeded as quota:
                self._client.gate.told_to_wait(quota)
                raise
            except RateLimited as limit:
                self._sit_out(limit)
                continue
            if answer is not None:
                return answer
            if refused_before:
                raise AccessRefused(self._name, self._client.user_id)
            rejected, refused_before = token, True

    def _ask(self, token: str) -> Answer | None:
        """The answer, or None for a 401."""
        client = self._client
        problem = ""
        try:
            with client.gate.call():
                client.calls += 1
                reply = exchange(
                    client.session,
                    "GET",
                    client.api_url + self._path,
                    auth=Bearer(token),
                    params=self._params,
                    limits=client.limits,
                    seconds=max(self._until - time.monotonic(), 1.0),
                )
        except NoAnswer as no_answer:
            problem = str(no_answer)
        if problem:
            raise Transient(self._name, problem, client.user_id)
        now = self._answered_at = client.clock.now()
        if reply.status == 401:
            return None
        refused = refusal(reply, self._name, now, client.user_id, (token,))
        if refused:
            raise refused
        return Answer(reply.body, now)

    def _back_off(self, failure: Transient) -> None:
        self._tries += 1
        wait = 2.0 ** (self._tries - 1) * (0.5 + self._client.jitter())
        wait = max(wait, failure.retry_after or 0.0)
        may_retry = self._tries < TRIES and wait <= LONGEST_SLEEP and self._has_time(wait)
        if not (may_retry and self._client.gate.may_retry()):
            what = failure.what if self._tries == 1 else f"{failure.what}, {self._tries} tries"
            raise Transient(failure.call, what, self._client.user_id, failure.retry_after) from None
        self._client.sleep(wait)

    def _sit_out(self, limit: RateLimited) -> None:
        self._client.gate.told_to_wait(limit)
        self._short_waits += 1
        wait = (limit.until - self._answered_at).total_seconds()
        if self._short_waits > SHORT_WAITS or wait > LONGEST_SLEEP or not self._has_time(wait):
            raise limit
        self._client.sleep(wait)

    def _has_time(self, wait: float) -> bool:
        return time.monotonic() + wait < self._until
