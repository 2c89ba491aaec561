"""One tick: move the spool, poll, land, load. Plain Python; `assets.py` puts it into Dagster.

The order is what makes it lose nothing: an answer lies in the lake before anything reads it, and a tick also loads what
an earlier one landed and could not load, found by listing the lake and not by trusting the ledger.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from spotify_assets.clock import Clock
from spotify_assets.errors import LakeUnavailable
from spotify_assets.listening.ledger import DATASET
from spotify_assets.listening.loading import Loaded, load_objects
from spotify_assets.listening.polling import Polled, poll
from spotify_assets.listening.turns import turns
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.blocks import Block, blocked_until
from spotify_assets.spotify.verdicts import LONGEST_SLEEP
from spotify_assets.storage.lake import Lake, parse_key
from spotify_assets.storage.landed import in_order_of_fetching, left_over
from spotify_assets.storage.landing import Landing, while_nobody_is_erased
from spotify_assets.storage.warehouse import Warehouse


@dataclass(frozen=True)
class Tick:
    """What a tick did. `blocked` is set when Spotify had told the app to stay away and nobody was called.

    `waiting` are the listeners whose turn comes with a later tick, so that the budget lasts the day.
    """

    polled: list[Polled] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    loaded: Loaded = field(default_factory=Loaded)
    waiting_in_spool: int = 0
    blocked: Block | None = None
    lake_failure: str | None = None

    @property
    def failures(self) -> list[Polled]:
        return [polled for polled in self.polled if polled.failure]


def run_tick(warehouse: Warehouse, lake: Lake, clock: Clock, spotify: SpotifyAccess) -> Tick:
    """Polls and loads for now, while nobody is erased.

    Raises `WarehouseUnavailable` when Postgres is lost: what landed loads at the next tick.
    A lake that is down doesn't raise: answers wait in the spool, `lake_failure` says why, and nothing is loaded.
    """
    with while_nobody_is_erased(warehouse):
        return _tick(warehouse, lake, clock, spotify)


def _tick(warehouse: Warehouse, lake: Lake, clock: Clock, spotify: SpotifyAccess) -> Tick:
    landing = Landing(lake, warehouse)
    now = clock.now()
    moved = landing.move_spool()
    listeners = spotify.listeners()
    block = _block(warehouse, spotify.api_url, now)
    polled: list[Polled] = []
    waiting: list[str] = []
    if not block:
        chosen = turns(warehouse, listeners, spotify.governor.polls_now(), now)
        waiting = [listener.user_id for listener in listeners if listener not in chosen]
        polled = poll(chosen, spotify.recently_played, landing)
        _note_polls(warehouse, polled, now)
    spotify.governor.forget_old_calls()
    landed = [outcome.landed for outcome in polled if outcome.landed]
    # Charts and descriptions wait in the same spool; what loads them finds them in the ledger.
    fresh = {entry.key for entry in landed if not entry.spooled}
    fresh |= {key for key in moved if parse_key(key).dataset == DATASET}
    loaded = Loaded()
    lake_failure = landing.lake_failure
    if not lake_failure:
        try:
            keys = fresh | left_over(warehouse, lake, DATASET, now.date())
            loaded = load_objects(warehouse, lake, in_order_of_fetching(keys))
        except LakeUnavailable as down:
            lake_failure = str(down)
    for outcome in polled:
        if outcome.defect:
            raise outcome.defect
    return Tick(polled, waiting, loaded, landing.waiting(), block, lake_failure)


def _block(warehouse: Warehouse, api_url: str, now: datetime) -> Block | None:
    """The block in force, unless it ends so soon that the gate may as well wait for it."""
    with warehouse.connect() as connection:
        block = blocked_until(connection, api_url, now)
    return block if block and (block.until - now).total_seconds() > LONGEST_SLEEP else None


def _note_polls(warehouse: Warehouse, polled: Iterable[Polled], now: datetime) -> None:
    answered = [outcome.user_id for outcome in polled if outcome.landed]
    with warehouse.connect() as connection:
        connection.execute(
            "update ops.listeners set polled_at = greatest(polled_at, %s) where user_id = any(%s)", (now, answered)
        )
