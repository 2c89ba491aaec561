"""Whose takeout it is: what is known of the listener, who may have a login, only a history, or only rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from spotify_assets.takeout.tables import Table, as_stored


@dataclass(frozen=True)
class Listener:
    """A listener, with the time zones in which their days begin: the first one, and dated changes (date, zone)."""

    user_id: str
    shown_as: str | None = None
    time_zone: str = "UTC"
    changes: tuple[tuple[str, str], ...] = ()


def find_listener(connection: psycopg.Connection, user_id: str, wanted: Sequence[Table]) -> Listener | None:
    """The listener, if there is a login or a note of one, or a row in any of the tables that name a listener."""
    known = connection.execute(
        """
        select display_name, time_zone from ops.listeners where user_id = %(user)s
        union all
        select display_name, time_zone from ops.unconnected_listeners where user_id = %(user)s
        """,
        {"user": user_id},
    ).fetchone()
    changes = connection.execute(
        "select valid_from::text, time_zone from ops.listener_time_zones where user_id = %s order by valid_from",
        (user_id,),
    ).fetchall()
    if known is not None:
        return Listener(user_id, known[0], known[1], tuple(changes))
    # Rows of views come from tables.
    tables = [as_stored(connection, table) for table in wanted if table.schema == "raw" or table.has_user_id]
    has_rows = any(_has_rows(connection, table, user_id) for table in tables if table.is_counted)
    return Listener(user_id, changes=tuple(changes)) if has_rows or changes else None


def has_what_to_model(connection: psycopg.Connection, user_id: str) -> bool:
    """Whether plays or streams of the listener were ever loaded."""
    row = connection.execute(
        "select exists (select from raw.plays where user_id = %(user)s) "
        "or exists (select from raw.streams where user_id = %(user)s)",
        {"user": user_id},
    ).fetchone()
    return bool(row and row[0])


def _has_rows(connection: psycopg.Connection, table: Table, user_id: str) -> bool:
    row = connection.execute(sql.SQL("select exists (select {})").format(table.of(user_id))).fetchone()
    return bool(row and row[0])
