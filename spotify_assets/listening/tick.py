"""One tick: move the spool, poll, land, load. Plain Python; `assets.py` puts it into Dagster.

The order is what makes it lose nothing: an answer lies in the lake before anything reads it, and a tick also loads what
an earlier one landed and could not load, found by listing the lake and not by trusting the ledger.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import islice
from os.path import commonprefix

from spotify_assets.clock import Clock
from spotify_assets.errors import LakeUnavailable
from spotify_assets.listening.ledger import DATASET
from spotify_assets.listening.loading import Loaded, load_objects
from spotify_assets.listening.polling import Polled, poll
from spotify_assets.listening.turns import turns
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.blocks import Block, blocked_until
from spotify_assets.spotify.verdicts import LONGEST_SLEEP
from spotify_assets.storage.lake import Lake, is_key, parse_key
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
    fresh = {entry.key for entry in landed if not entry.spooled} | set(moved)
    loaded = Loaded()
    lake_failure = landing.lake_failure
    if not lake_failure:
        try:
            landed_lately = landed_on(lake, _unsettled_days(warehouse, now.date()))
            keys = fresh | not_loaded(warehouse, landed_lately) | noted_and_not_loaded(warehouse)
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


def _unsettled_days(warehouse: Warehouse, today: date) -> set[date]:
    """Today, yesterday, and each day since that of the newest page loaded: more may have landed on them unloaded."""
    with warehouse.connect() as connection:
        row = connection.execute(
            "select max(fetched_at) from ops.landed_objects where dataset = %s and loaded_version is not null",
            (DATASET,),
        ).fetchone()
    yesterday = today - timedelta(days=1)
    first = min(row[0].date(), yesterday) if row and row[0] else yesterday
    return {first + timedelta(days=number) for number in range((today - first).days + 1)}


def landed_on(lake: Lake, days: Iterable[date]) -> set[str]:
    """The keys of all pages that were fetched on these UTC days, from a listing of the lake."""
    wanted = {day.isoformat() for day in days}
    shared = commonprefix(sorted(wanted))  # noqa: RUF071 - days as text, not paths
    return {
        key
        for folder in lake.folders(f"{DATASET}/")
        for key in lake.list(f"{folder}date={shared}")
        if is_key(key) and parse_key(key).date.isoformat() in wanted
    }


def not_loaded(warehouse: Warehouse, keys: set[str]) -> set[str]:
    """Those of the keys that no finished load has taken."""
    with warehouse.connect() as connection:
        rows = connection.execute(
            "select lake_key from ops.landed_objects where lake_key = any(%s) and loaded_version is not null",
            (list(keys),),
        ).fetchall()
    return keys - {str(key) for (key,) in rows}


def noted_and_not_loaded(warehouse: Warehouse) -> set[str]:
    """The keys that came from the spool, of whatever day, and that no finished load has taken."""
    with warehouse.connect() as connection:
        rows = connection.execute(
            "select lake_key from ops.landed_objects where dataset = %s and loaded_version is null", (DATASET,)
        ).fetchall()
    return {str(key) for (key,) in rows}


def in_order_of_fetching(keys: Iterable[str]) -> list[str]:
    """The oldest first: after a kill between two transactions everything up to the newest page loaded is in."""
    return sorted(keys, key=lambda key: (parse_key(key).fetched_at, key))


def first_landing(lake: Lake) -> date | None:
    """The UTC day of the first page in the lake; None where nothing was ever landed."""
    days = [
        date.fromisoformat(day.rstrip("/").rsplit("date=", 1)[1])
        for folder in lake.folders(f"{DATASET}/")
        for day in islice((name for name in lake.folders(folder) if "/date=" in name), 1)
    ]
    return min(days, default=None)
