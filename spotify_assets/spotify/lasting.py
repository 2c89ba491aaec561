"""How long the stored logins last, and what else is known of them without asking Spotify."""

from dataclasses import dataclass
from datetime import datetime

import psycopg

from spotify_assets.spotify.stored import Status, login_ends


@dataclass(frozen=True)
class Login:
    """A listener's login. Times are UTC; `polled_at` is None before the first answer to a poll."""

    user_id: str
    status: Status
    ends_at: datetime
    is_guess: bool
    """Whether the consent may be older than thought: then `ends_at` is the latest possible."""
    scopes: frozenset[str] | None
    """What the listener granted; None until Spotify has said so."""
    polled_at: datetime | None


def logins(connection: psycopg.Connection, api_url: str, user_id: str | None = None) -> list[Login]:
    """The logins of all listeners of this API, or of one of them, by name."""
    rows = connection.execute(
        """
        select
            user_id,
            status,
            consented_at,
            not consent_is_known,
            scope,
            polled_at
        from ops.listeners
        inner join ops.tokens using (user_id)
        where api_url = %(api)s and (%(user)s::text is null or user_id = %(user)s)
        order by user_id
        """,
        {"api": api_url, "user": user_id},
    ).fetchall()
    return [
        Login(user_id, status, login_ends(consented_at), is_guess, _scopes(scope), polled_at)
        for user_id, status, consented_at, is_guess, scope, polled_at in rows
    ]


def _scopes(scope: str | None) -> frozenset[str] | None:
    return None if scope is None else frozenset(scope.split())
