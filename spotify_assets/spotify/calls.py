"""The record of calls to the Web API, `ops.requests`, and how many in 30 seconds were too many, `ops.rate_windows`.

Each function is one statement about one API, on the caller's connection. Times are UTC.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import psycopg

WINDOW = timedelta(seconds=30)
LEARNT_FOR = timedelta(hours=24)
LEAST_IN_A_WINDOW = 16
KEPT_FOR = timedelta(days=7)


def begin(connection: psycopg.Connection, api_url: str, purpose: str, user_id: str | None, now: datetime) -> int:
    """Writes down a call that is about to be made; returns its number."""
    return _one(
        connection,
        "insert into ops.requests (api_url, purpose, user_id, asked_at) values (%s, %s, %s, %s) returning request_id",
        (api_url, purpose, user_id, now),
    )


def end(connection: psycopg.Connection, number: int, now: datetime) -> None:
    """Writes down that a call has ended."""
    connection.execute("update ops.requests set ended_at = %s where request_id = %s", (now, number))


def made_since(connection: psycopg.Connection, api_url: str, since: datetime) -> dict[str, int]:
    """How many calls were begun after `since`, by purpose."""
    rows = connection.execute(
        "select purpose, count(*) from ops.requests where api_url = %s and asked_at > %s group by purpose",
        (api_url, since),
    ).fetchall()
    return {str(purpose): int(count) for purpose, count in rows}


def under_way(connection: psycopg.Connection, api_url: str, since: datetime) -> int:
    """How many calls begun after `since` have not ended."""
    return _one(
        connection,
        "select count(*) from ops.requests where api_url = %s and asked_at > %s and ended_at is null",
        (api_url, since),
    )


def window_is_full_until(connection: psycopg.Connection, api_url: str, most: int, now: datetime) -> datetime | None:
    """When the last 30 seconds will hold fewer than `most` calls again; None where they do already."""
    row = connection.execute(
        "select asked_at from ops.requests where api_url = %s and asked_at > %s "
        "order by asked_at desc offset %s limit 1",
        (api_url, now - WINDOW, most - 1),
    ).fetchone()
    return row[0] + WINDOW if row else None


def oldest_since(
    connection: psycopg.Connection, api_url: str, since: datetime, purposes: Collection[str]
) -> datetime | None:
    """When the first call for these purposes after `since` was begun."""
    row = connection.execute(
        "select min(asked_at) from ops.requests where api_url = %s and asked_at > %s and purpose = any(%s)",
        (api_url, since, list(purposes)),
    ).fetchone()
    return row[0] if row else None


def forget_old(connection: psycopg.Connection, api_url: str, now: datetime) -> None:
    """Drops what is older than a week."""
    connection.execute("delete from ops.requests where api_url = %s and asked_at < %s", (api_url, now - KEPT_FOR))


def learnt_window(connection: psycopg.Connection, api_url: str, now: datetime) -> int | None:
    """How many calls fit into 30 seconds, as a 429 of the last day taught."""
    row = connection.execute(
        "select most from ops.rate_windows where api_url = %s and learnt_at > %s", (api_url, now - LEARNT_FOR)
    ).fetchone()
    return int(row[0]) if row else None


def learn_window(connection: psycopg.Connection, api_url: str, now: datetime) -> None:
    """After a short 429: calls that had ended when the first of a burst came fitted, but for the refused one itself.

    Never less than 16: where fewer were too many, other programs fill the window, and the wait that was told is enough.
    """
    connection.execute(
        """
        insert into ops.rate_windows as known (api_url, most, learnt_at)
        select %(api)s, greatest(%(least)s, count(*) - 1), %(now)s
        from ops.requests
        where api_url = %(api)s and asked_at > %(since)s and ended_at is not null
        on conflict (api_url) do update
        set most = case when known.learnt_at > %(since)s then least(known.most, excluded.most) else excluded.most end,
            learnt_at = excluded.learnt_at
        """,
        {"api": api_url, "now": now, "since": now - WINDOW, "least": LEAST_IN_A_WINDOW},
    )


def _one(connection: psycopg.Connection, query: str, parameters: Sequence[object]) -> int:
    row = connection.execute(query.encode(), parameters).fetchone()
    if row is None:
        raise RuntimeError(f"no row came back from: {query}")
    return int(row[0])
