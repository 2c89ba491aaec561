"""Until when Spotify has told the app to stay away, kept in `ops.blocks` so that every run knows."""

from dataclasses import dataclass
from datetime import datetime

import psycopg


@dataclass(frozen=True)
class Block:
    """A time (UTC) before which nobody calls this API, and why, as a sentence."""

    until: datetime
    reason: str


def blocked_until(connection: psycopg.Connection, api_url: str, now: datetime) -> Block | None:
    """The block in force at `now`; None when there is none or it is over."""
    row = connection.execute(
        "select blocked_until, reason from ops.blocks where api_url = %s and blocked_until > %s", (api_url, now)
    ).fetchone()
    return Block(*row) if row else None


def store_block(connection: psycopg.Connection, api_url: str, until: datetime, reason: str) -> None:
    """Keeps the later of this block and the stored one. The caller commits."""
    connection.execute(
        """
        insert into ops.blocks as stored (api_url, blocked_until, reason)
        values (%s, %s, %s)
        on conflict (api_url) do update
        set blocked_until = excluded.blocked_until, reason = excluded.reason
        where excluded.blocked_until > stored.blocked_until
        """,
        (api_url, until, reason),
    )
