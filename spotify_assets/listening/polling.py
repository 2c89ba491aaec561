"""Asking Spotify for each listener's newest 50 plays, all at once, and landing each answer as it comes.

Each listener fails alone, with a sentence; an exception that nobody expected is kept until the others are done. Once
Spotify has told the app to stay away, or the warehouse is gone, no further call is made; answers under way still land.
Who has to log in again is not called, and said at every tick.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

from spotify_assets.errors import LakeUnavailable, UserError, WarehouseUnavailable
from spotify_assets.listening.ledger import DATASET
from spotify_assets.spotify.client import Answer
from spotify_assets.spotify.governor import CALLS_AT_ONCE
from spotify_assets.spotify.outcomes import Blocked, InvalidClient, PremiumLapsed, ReauthRequired
from spotify_assets.spotify.tokens import Listener
from spotify_assets.storage.landing import Landed, Landing


@dataclass(frozen=True)
class Polled:
    """How one listener's poll ended: landed, or failed with a sentence for a person."""

    user_id: str
    landed: Landed | None = None
    failure: str | None = None
    defect: BaseException | None = field(default=None, repr=False)
    """What nobody expected; to be raised once the others' answers are loaded."""


class _Stop:
    """Why no further call is made in this tick, once something has ended it for all."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.reason: str | None = None

    def set(self, reason: str) -> str:
        with self._lock:
            self.reason = self.reason or reason
        return reason


def poll(listeners: Sequence[Listener], ask: Callable[[Listener], Answer], landing: Landing) -> list[Polled]:
    """Polls all listeners, at most 16 at once; in the order given."""
    if not listeners:
        return []
    stop = _Stop()
    with ThreadPoolExecutor(min(CALLS_AT_ONCE, len(listeners)), thread_name_prefix="poll") as pool:
        asked = [pool.submit(_poll_one, listener, ask, landing, stop) for listener in listeners]
    return [_outcome(listener, future) for listener, future in zip(listeners, asked, strict=True)]


def _outcome(listener: Listener, asked: Future[Polled]) -> Polled:
    defect = asked.exception()
    if defect is None:
        return asked.result()
    return Polled(listener.user_id, failure=f"{type(defect).__name__}, a defect of this program", defect=defect)


def _poll_one(listener: Listener, ask: Callable[[Listener], Answer], landing: Landing, stop: _Stop) -> Polled:
    user_id = listener.user_id
    if stop.reason:
        return Polled(user_id, failure=stop.reason)
    try:
        if listener.status == "needs_login":
            raise ReauthRequired(listener.status_reason or "refused before", user_id)
        answer = ask(listener)
    except (Blocked, WarehouseUnavailable, InvalidClient, PremiumLapsed) as for_all:
        return Polled(user_id, failure=stop.set(str(for_all)))
    except UserError as error:
        return Polled(user_id, failure=str(error))
    try:
        return Polled(user_id, landed=landing.land(DATASET, answer.body, answer.fetched_at, user_id))
    except (LakeUnavailable, WarehouseUnavailable) as error:
        stop.set(str(error))
        return Polled(user_id, failure=f"The answer for {user_id} could not be stored anywhere and is dropped: {error}")
