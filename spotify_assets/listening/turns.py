"""Whose turn it is: everybody's at every tick, unless the budget of requests is too small for that."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from spotify_assets.spotify.budget import Need, most_urgent
from spotify_assets.spotify.tokens import Listener
from spotify_assets.storage.warehouse import Warehouse

LATELY = timedelta(days=14)
_NEVER = datetime.min.replace(tzinfo=UTC)


def turns(warehouse: Warehouse, listeners: Sequence[Listener], most: int | None, now: datetime) -> list[Listener]:
    """Those to be polled now, at most `most` of the connected ones (None: all of them).

    Who has to log in again costs no call, and is among them at every tick. Where not all can be polled the busiest are:
    see `most_urgent`. Whose last answer is oldest comes first, so that a tick that is cut short doesn't always leave
    out the same ones.
    """
    connected = [listener for listener in listeners if listener.status == "connected"]
    chosen = {listener.user_id for listener in connected}
    if most is not None and len(connected) > most:
        chosen = set(most_urgent(needs(warehouse, connected, now), now, most))
    due = [listener for listener in listeners if listener.status != "connected" or listener.user_id in chosen]
    return sorted(due, key=lambda listener: listener.polled_at or _NEVER)


def needs(warehouse: Warehouse, connected: Sequence[Listener], now: datetime) -> list[Need]:
    """What each of these listeners, at least one and all of one API, would like: see `Need`."""
    with warehouse.connect() as connection:
        rows = connection.execute(
            """
            with asked as (
                select user_id, max(asked_at) as asked_at
                from ops.requests
                where api_url = %(api)s and purpose = 'polling'
                group by user_id
            )
            select l.user_id, asked.asked_at, plays.of_late
            from unnest(%(users)s::text[]) as l (user_id)
            left join asked using (user_id)
            cross join lateral (
                select count(*) as of_late
                from raw.plays as p
                where p.user_id = l.user_id and p.played_at > %(since)s
            ) as plays
            """,
            {
                "api": connected[0].api_url,
                "since": now - LATELY,
                "users": [listener.user_id for listener in connected],
            },
        ).fetchall()
    # One play more than there were: of two silent listeners the one that waits for longer is due first.
    return [Need(user_id, asked_at, (of_late + 1) / LATELY.days) for user_id, asked_at, of_late in rows]
