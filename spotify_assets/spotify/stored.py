"""The rows of a stored login, `ops.listeners` and `ops.tokens`, and the lock that serializes work on them.

Tokens come and go as ciphertext. Each statement here is whole by itself, so that it may run in autocommit.
"""

from calendar import monthrange
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import psycopg
from psycopg.rows import class_row

from spotify_assets.errors import UserError

Status = Literal["connected", "needs_login"]

# Spotify's blog of 2026-06-18: counted from the consent, whatever is refreshed in between.
MONTHS_TO_LIVE = 6

# A refresh takes a minute at most; whoever waits longer than three waits for something broken.
LOCK_WAIT = "180s"
# The first half of the two-part key, so that other advisory locks never meet these.
_LOCK_SPACE = 0x53504F54


class LoginBusy(UserError, psycopg.errors.LockNotAvailable):
    """Somebody else holds a login's lock for longer than any work on it takes."""


def login_ends(consented_at: datetime) -> datetime:
    """When Spotify ends the login of a consent: six calendar months later, at most on that month's last day."""
    years, month = divmod(consented_at.month - 1 + MONTHS_TO_LIVE, 12)
    year = consented_at.year + years
    return consented_at.replace(year=year, month=month + 1, day=min(consented_at.day, monthrange(year, month + 1)[1]))


@dataclass(frozen=True)
class StoredLogin:
    """One listener's login. Tokens are ciphertext, times UTC; a seeded login has no access token at first."""

    user_id: str
    api_url: str
    status: Status
    status_reason: str | None
    refresh_token: bytes = field(repr=False)
    access_token: bytes | None = field(repr=False)
    access_expires_at: datetime | None


@dataclass(frozen=True)
class Renewed:
    """What a refresh gave, and for which login. Tokens are ciphertext.

    `refresh_token` is the next one where `is_rotated`, else the old one under a new key, or None if that stays.
    """

    login: StoredLogin
    access_token: bytes = field(repr=False)
    refresh_token: bytes | None = field(repr=False)
    is_rotated: bool
    access_expires_at: datetime
    refreshed_at: datetime
    scope: str | None


def lock_login(connection: psycopg.Connection, user_id: str, *, until: Literal["commit", "close"]) -> None:
    """Waits for the listener's advisory lock, and keeps it until the transaction or the connection ends.

    Raises `LoginBusy` after three minutes; the transaction is of no more use then.
    """
    connection.execute("select set_config('lock_timeout', %s, false)", (LOCK_WAIT,))
    function = "pg_advisory_xact_lock" if until == "commit" else "pg_advisory_lock"
    try:
        connection.execute(f"select {function}(%s, hashtext(%s))", (_LOCK_SPACE, user_id))
    except psycopg.errors.LockNotAvailable:
        raise LoginBusy(
            f"Another process has been at work on the login of listener {user_id} for three minutes, so nothing was "
            "changed: run the command again, after ending what hangs."
        ) from None


def read_login(connection: psycopg.Connection, user_id: str, *, to_write: bool = False) -> StoredLogin | None:
    """The listener's login; None for a name that never logged in. `to_write` keeps others from changing its tokens."""
    with connection.cursor(row_factory=class_row(StoredLogin)) as cursor:
        return cursor.execute(
            f"""
            select
                user_id,
                api_url,
                status,
                status_reason,
                refresh_token,
                access_token,
                access_expires_at
            from ops.listeners
            inner join ops.tokens using (user_id)
            where user_id = %s
            {"for update of tokens" if to_write else ""}
            """,
            (user_id,),
        ).fetchone()


def note_refresh_begun(connection: psycopg.Connection, user_id: str, now: datetime) -> None:
    """Notes that a refresh is under way; the note of an earlier one that never ended stays."""
    connection.execute(
        "update ops.listeners set status_reason = coalesce(status_reason, %s) where user_id = %s",
        (f"a token refresh begun at {now:%Y-%m-%d %H:%M} UTC has not ended", user_id),
    )


def forget_refresh(connection: psycopg.Connection, user_id: str) -> None:
    """Takes the note of `note_refresh_begun` back."""
    connection.execute(
        "update ops.listeners set status_reason = null where user_id = %s and status = 'connected'", (user_id,)
    )


def write_renewed(connection: psycopg.Connection, renewed: Renewed) -> None:
    """Stores a refresh's answer, unless a new login has replaced the tokens since. May be repeated."""
    connection.execute(
        """
        with saved as (
            update ops.tokens
            set refresh_token = coalesce(%(new)s, refresh_token),
                access_token = %(access)s,
                access_expires_at = %(expires)s,
                scope = coalesce(%(scope)s, scope),
                refreshed_at = %(refreshed)s
            where user_id = %(user)s and refresh_token in (%(old)s, %(new)s)
            returning user_id
        )
        update ops.listeners
        set status = 'connected', status_reason = null
        from saved
        where listeners.user_id = saved.user_id
        """,
        {
            "user": renewed.login.user_id,
            "old": renewed.login.refresh_token,
            "new": renewed.refresh_token,
            "access": renewed.access_token,
            "expires": renewed.access_expires_at,
            "scope": renewed.scope,
            "refreshed": renewed.refreshed_at,
        },
    )


def stored_tokens(connection: psycopg.Connection, api_url: str) -> list[tuple[str, bytes, bytes | None]]:
    """(user_id, refresh token, access token) of all logins at this API, by name; tokens are ciphertext."""
    return connection.execute(
        """
        select
            user_id,
            refresh_token,
            access_token
        from ops.tokens
        inner join ops.listeners using (user_id)
        where api_url = %s
        order by user_id
        """,
        (api_url,),
    ).fetchall()


def mark_needs_login(connection: psycopg.Connection, refused: StoredLogin, reason: str) -> bool:
    """Marks the listener, keeping the tokens; False if the refused token has been replaced meanwhile."""
    # The row lock makes Postgres look at the token's newest version; a plain subquery would see the statement's start.
    marked = connection.execute(
        """
        with refused as (
            select user_id
            from ops.tokens
            where user_id = %s and refresh_token = %s
            for update
        )
        update ops.listeners
        set status = 'needs_login', status_reason = %s
        from refused
        where listeners.user_id = refused.user_id
        """,
        (refused.user_id, refused.refresh_token, reason),
    )
    return marked.rowcount == 1
