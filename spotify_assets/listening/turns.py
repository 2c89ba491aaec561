"""Whose turn it is: everybody's at every tick, unless the budget of requests is too small for that."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from spotify_assets.spotify.budget import Need, most_urgent
from spotify_assets.spotify.tokens import Listener
from spotify_assets.storage.warehouse import Warehouse

LATELY = timedelta(days=14)


def turns(warehouse: Warehouse, listeners: Sequence[Listener], most: int | None, now: datetime) -> list[Listener]:
    """Those to be polled now, in the order given, at most `most` of the connected ones (None: all of them).

    Who has to log in again costs no call, and is among them at every tick. The busiest go first: see `most_urgent`.
    """
    connected = [listener for listener in listeners if listener.status == "connected"]
    if most is None or len(connected) <= most:
        return list(listeners)
    chosen = set(most_urgent(_needs(warehouse, connected, now), now, most))
    return [listener for listener in listeners if listener.status != "connected" or listener.user_id in chosen]


def _needs(warehouse: Warehouse, connected: Sequence[Listener], now: datetime) -> list[Need]:
    with warehouse.connect() as connection:
        rows = connection.execute(
            """
            select l.user_id, l.polled_at, plays.of_late
            from ops.listeners as l
            cross join lateral (
                select count(*) as of_late
                from raw.plays as p
                where p.user_id = l.user_id and p.played_at > %(since)s
            ) as plays
            where l.user_id = any(%(users)s)
            """,
            {"since": now - LATELY, "users": [listener.user_id for listener in connected]},
        ).fetchall()
    # One play more than there were: of two silent listeners the one that waits for longer is due first.
    return [Need(user_id, polled_at, (of_late + 1) / LATELY.days) for user_id, polled_at, of_late in rows]
