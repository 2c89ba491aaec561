"""Who is connected: each listener's login, last poll, last play and time zones, as the warehouse knows them."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

import psycopg

from spotify_assets.errors import UserError
from spotify_assets.spotify.stored import login_ends
from spotify_assets.storage.time_zones import in_force

State = Literal["connected", "needs_login", "removed", "no_login"]


@dataclass(frozen=True)
class Overview:
    """One listener. Times are aware, in UTC; `time_zone` is the one in force now."""

    user_id: str
    display_name: str | None
    state: State
    """`removed`: the login is forgotten, the history is kept. `no_login`: there never was one, only imports."""
    reason: str | None
    api_url: str | None
    is_here: bool
    """Whether the login is one of the Web API that SPOTIFY_API_URL names; others are not polled."""
    login_ends_at: datetime | None
    end_is_known: bool
    """False where the login ends at `login_ends_at` at the latest."""
    polled_at: datetime | None
    last_played_at: datetime | None
    time_zone: str
    first_time_zone: str
    changes: list[tuple[date, str]] = field(default_factory=list)
    """The zones that count from a local date on, in order; before them `first_time_zone` counts."""


def all_listeners(connection: psycopg.Connection, api_url: str, now: datetime) -> list[Overview]:
    """Everybody whose login or history is here, by name. The cost doesn't grow with what is stored."""
    rows = connection.execute(
        """
        select
            known.*,
            tokens.consented_at,
            tokens.consent_is_known,
            greatest(
                (select max(p.played_at) from raw.plays as p where p.user_id = known.user_id),
                (select max(s.ts) from raw.streams as s where s.user_id = known.user_id)
            ),
            (
                select coalesce(array_agg(z.valid_from order by z.valid_from), '{}')
                from ops.listener_time_zones as z
                where z.user_id = known.user_id
            ),
            (
                select coalesce(array_agg(z.time_zone order by z.valid_from), '{}')
                from ops.listener_time_zones as z
                where z.user_id = known.user_id
            )
        from (
            select user_id, display_name, status as state, status_reason, api_url, polled_at, time_zone
            from ops.listeners
            union all
            select
                user_id, display_name, case when removed_at is null then 'no_login' else 'removed' end,
                null, null, null, time_zone
            from ops.unconnected_listeners
        ) as known
        left join ops.tokens as tokens using (user_id)
        order by known.user_id
        """
    ).fetchall()
    return [
        Overview(
            user_id=user_id,
            display_name=name,
            state=state,
            # A reason without `needs_login` is the note of a refresh under way.
            reason=reason if state == "needs_login" else None,
            api_url=at,
            is_here=at == api_url,
            login_ends_at=login_ends(consented_at) if consented_at else None,
            end_is_known=bool(consent_is_known),
            polled_at=polled_at,
            last_played_at=last_played_at,
            time_zone=in_force(connection, user_id, now),
            first_time_zone=zone,
            changes=list(zip(days, zones, strict=True)),
        )
        for (
            user_id, name, state, reason, at, polled_at, zone,
            consented_at, consent_is_known, last_played_at, days, zones,
        ) in rows
    ]  # fmt: skip


def known_login(connection: psycopg.Connection, user_id: str) -> str:
    """The name if there is a login under it. Raises `UserError` that says what there is."""
    names = _names(connection, "ops.listeners")
    if user_id in names:
        return user_id
    if user_id in _names(connection, "ops.unconnected_listeners"):
        raise UserError(
            f"Nobody is connected as {user_id}, whose history stays; to erase it: "
            f"spotify-assets listeners remove {user_id} --erase"
        )
    raise _nobody(user_id, names)


def known_history(connection: psycopg.Connection, user_id: str) -> str:
    """The name if there is a login under it, or a history. Raises `UserError` with the names that there are."""
    names = sorted({*_names(connection, "ops.listeners"), *_names(connection, "ops.unconnected_listeners")})
    if user_id in names:
        return user_id
    if connection.execute("select from raw.export_files where user_id = %s limit 1", (user_id,)).fetchone() is not None:
        # Loaded again into a new database, which has no zones yet.
        connection.execute(
            "insert into ops.unconnected_listeners (user_id, time_zone) values (%s, 'UTC') on conflict do nothing",
            (user_id,),
        )
        return user_id
    raise _nobody(user_id, names)


def _names(connection: psycopg.Connection, table: str) -> list[str]:
    return [name for (name,) in connection.execute(f"select user_id from {table} order by user_id".encode())]


def _nobody(user_id: str, names: list[str]) -> UserError:
    if not names:
        return UserError(f"Nobody is connected as {user_id}, nor under any other name.")
    return UserError(f"Nobody is connected as {user_id}; there are: {', '.join(names)}.")
