"""Which time zone counts for a listener when, and what a change of one changes.

A zone counts for the whole history (`time_zone` in `ops.listeners`, or, without a login, in
`ops.unconnected_listeners`), or from a date on (`ops.listener_time_zones`). The
models give each play the local date of the zone in force, so a change marks the listener's days as changed: the next
build makes them anew, and nobody else's.
"""

from datetime import date, datetime, timedelta

import psycopg

from spotify_assets.errors import UserError


def set_for_all_time(connection: psycopg.Connection, user_id: str, time_zone: str) -> int:
    """The zone counts for the listener's whole history; returns how many dated changes it replaces. The caller commits.

    Raises `UserError` for a zone that Postgres doesn't know.
    """
    check_zone(connection, time_zone)
    changed = sum(
        connection.execute(
            f"update {table} set time_zone = %s where user_id = %s and time_zone <> %s".encode(),
            (time_zone, user_id, time_zone),
        ).rowcount
        for table in ("ops.listeners", "ops.unconnected_listeners")
    )
    replaced = connection.execute("delete from ops.listener_time_zones where user_id = %s", (user_id,)).rowcount
    if changed or replaced:
        mark_plays(connection, user_id)
    return replaced


def set_from(connection: psycopg.Connection, user_id: str, time_zone: str, day: date) -> None:
    """The zone counts from local midnight of the day on, up to the next dated change. The caller commits.

    Raises `UserError` for a zone that Postgres doesn't know.
    """
    check_zone(connection, time_zone)
    connection.execute(
        """
        insert into ops.listener_time_zones (user_id, valid_from, time_zone)
        values (%s, %s, %s)
        on conflict (user_id, valid_from) do update
        set time_zone = excluded.time_zone
        """,
        (user_id, day, time_zone),
    )
    mark_plays(connection, user_id, since=day - timedelta(days=1))


def mark_plays(connection: psycopg.Connection, user_id: str, since: date = date.min) -> None:
    """Marks the listener's UTC days with plays or streams, from `since` on, as changed in a version of their own.

    Where there are none, nothing is marked, and nothing is left to build.
    """
    # Loads hold this row: what they commit before us is seen below, and what comes later is built with the new zone.
    connection.execute("select version from ops.raw_version for update")
    connection.execute(
        """
        with days as (
            select distinct (played_at at time zone 'UTC')::date as utc_date
            from raw.plays
            where user_id = %(user)s and played_at >= %(since)s::date::timestamp at time zone 'UTC'
            union
            select (ts at time zone 'UTC')::date
            from raw.streams
            where user_id = %(user)s and ts >= %(since)s::date::timestamp at time zone 'UTC'
        ),
        taken as (
            update ops.raw_version
            set version = version + 1
            where exists (select from days)
            returning version
        )
        insert into ops.changed_days (version, user_id, utc_date)
        select taken.version, %(user)s, days.utc_date
        from taken, days
        """,
        {"user": user_id, "since": since},
    )


def in_force(connection: psycopg.Connection, user_id: str, now: datetime) -> str:
    """The zone at a moment (aware) of a listener, or of one who was removed; UTC for somebody without one."""
    row = connection.execute(
        """
        select time_zone
        from (
            select time_zone, null::date as valid_from
            from ops.listeners
            where user_id = %(user)s
            union all
            select time_zone, null
            from ops.unconnected_listeners
            where user_id = %(user)s
            union all
            select time_zone, valid_from
            from ops.listener_time_zones
            where user_id = %(user)s
        ) as zones
        where valid_from is null or valid_from::timestamp at time zone time_zone <= %(now)s
        order by valid_from desc nulls last
        limit 1
        """,
        {"user": user_id, "now": now},
    ).fetchone()
    return str(row[0]) if row else "UTC"


def kept_zone(connection: psycopg.Connection, user_id: str) -> str | None:
    """The zone that a login under this name keeps: a listener's, also one's who was removed; None for a new name."""
    row = connection.execute(
        """
        select time_zone
        from ops.listeners
        where user_id = %(user)s
        union all
        select time_zone
        from ops.unconnected_listeners
        where user_id = %(user)s
        """,
        {"user": user_id},
    ).fetchone()
    return str(row[0]) if row else None


def check_zone(connection: psycopg.Connection, time_zone: str) -> None:
    """Raises `UserError` for a zone that Postgres doesn't know, such as `localtime`."""
    try:
        with connection.transaction():
            connection.execute("select timestamptz 'epoch' at time zone %s", (time_zone,))
    except psycopg.errors.InvalidParameterValue:
        raise UserError(
            f"Postgres does not know the time zone {time_zone!r}, though this machine does: "
            "give another name for it, such as Europe/Berlin."
        ) from None
