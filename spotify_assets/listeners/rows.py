"""A listener's rows: finding them in every table of the database, and deleting those that this program wrote.

A row is a listener's when its `user_id` says so, or when any of its texts holds `user=<name>/`, as the keys of the lake
do. What tables there are is asked of Postgres, so that a table that comes later is not forgotten.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql

from spotify_assets.spotify.stored import lock_login

OURS = ("raw", "intermediate", "marts", "staging", "ops")
# Made of everybody's answers: emptied and loaded again from what is left in the lake.
CATALOG = (
    "raw.track_versions",
    "raw.album_versions",
    "raw.artist_versions",
    "raw.tracks",
    "raw.albums",
    "raw.artists",
    "raw.track_artists",
    "raw.album_artists",
    "raw.export_tracks",
    "ops.version_sightings",
)
# Deleted by `forget_login` and `forget_name`; and what is kept without the name: the calls, for the app made them, and
# the roles of Postgres, which without a line here would see everybody.
_NOT_BY_ROW = (
    *CATALOG,
    "ops.listeners",
    "ops.tokens",
    "ops.unconnected_listeners",
    "ops.requests",
    "ops.listener_roles",
)


@dataclass(frozen=True)
class Table:
    """A table that may hold rows of a listener."""

    schema: str
    name: str
    has_user_id: bool
    texts: tuple[str, ...]

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    def of(self, user_id: str) -> sql.Composed:
        """The condition under which a row is the listener's."""
        holds = [
            sql.SQL("strpos({}::text, {}) > 0").format(sql.Identifier(text), sql.Literal(f"user={user_id}/"))
            for text in self.texts
        ]
        if self.has_user_id:
            holds.append(sql.SQL("user_id::text = {}").format(sql.Literal(user_id)))
        return sql.SQL(" or ").join(holds)


def tables(connection: psycopg.Connection) -> list[Table]:
    """All tables of all schemas, other than Postgres' own, that have a `user_id` or a text and may be read."""
    rows = connection.execute(
        """
        select n.nspname, c.relname, bool_or(a.attname = 'user_id'),
            coalesce(array_agg(a.attname::text order by a.attnum) filter (where t.typname = any(%s)), '{}')
        from pg_class as c
        inner join pg_namespace as n on n.oid = c.relnamespace
        inner join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        inner join pg_type as t on t.oid = a.atttypid
        where c.relkind in ('r', 'm')
            and n.nspname <> 'information_schema'
            and n.nspname !~ '^pg_'
            and has_schema_privilege(n.oid, 'usage')
            and has_table_privilege(c.oid, 'select')
        group by n.nspname, c.relname
        having bool_or(a.attname = 'user_id' or t.typname = any(%s))
        order by n.nspname, c.relname
        """,
        (_TEXTS, _TEXTS),
    ).fetchall()
    return [Table(schema, name, has_user_id, tuple(texts)) for schema, name, has_user_id, texts in rows]


_TEXTS = ["text", "varchar", "bpchar", "json", "jsonb", "_text", "_varchar"]


def count_rows(connection: psycopg.Connection, user_id: str) -> dict[str, int]:
    """How many rows of the listener each table holds, by its full name; all tables that were looked at."""
    return {table.full_name: _count(connection, table, user_id) for table in tables(connection)}


def _count(connection: psycopg.Connection, table: Table, user_id: str) -> int:
    row = connection.execute(
        sql.SQL("select count(*) from {} where {}").format(sql.Identifier(table.schema, table.name), table.of(user_id))
    ).fetchone()
    return int(row[0]) if row else 0


def forget_login(connection: psycopg.Connection, user_id: str, now: datetime) -> bool:
    """Deletes the login and notes whose the history is that stays; tells if there was one. The caller commits."""
    lock_login(connection, user_id, until="commit")
    noted = connection.execute(
        """
        insert into ops.unconnected_listeners (user_id, account_id, display_name, time_zone, removed_at)
        select user_id, account_id, display_name, time_zone, %s
        from ops.listeners
        where user_id = %s
        """,
        (now, user_id),
    ).rowcount
    connection.execute("delete from ops.listeners where user_id = %s", (user_id,))  # and the tokens with it
    return noted > 0


def forget_waiting(connection: psycopg.Connection, user_id: str) -> None:
    """Deletes what would still be landed or loaded. The caller commits."""
    folder = f"user={user_id}/"
    connection.execute("delete from ops.spool where strpos(lake_key, %s) > 0", (folder,))
    connection.execute(
        "delete from ops.landed_objects where loaded_version is null and strpos(lake_key, %s) > 0", (folder,)
    )


def forget_rows(connection: psycopg.Connection, user_id: str) -> None:
    """Deletes the listener's rows. The caller commits.

    Where anything of theirs had been loaded, the catalog is emptied too, everybody's pages and exports count as not
    loaded, and the models as not built: whoever comes next, this erasure or a tick, makes them of what is left.
    """
    connection.execute("select version from ops.raw_version for update")  # no load goes on meanwhile
    deleted = dict(_delete(connection, user_id))
    connection.execute("update ops.requests set user_id = null where user_id = %s", (user_id,))
    connection.execute(
        "with gone as (delete from ops.listener_roles where user_id = %s returning role_name) "
        "insert into ops.listener_roles (role_name, user_id) select role_name, '' from gone on conflict do nothing",
        (user_id,),
    )
    connection.execute(
        "update ops.raw_version set play_count = play_count - %s, stream_count = stream_count - %s",
        (deleted.get("raw.plays", 0), deleted.get("raw.streams", 0)),
    )
    if any(count for name, count in deleted.items() if name.startswith("raw.") or name == "ops.landed_objects"):
        connection.execute(f"truncate {', '.join(CATALOG)}".encode())
        connection.execute("update ops.landed_objects set loaded_version = null")
        connection.execute("delete from ops.builds")


def _delete(connection: psycopg.Connection, user_id: str) -> Iterator[tuple[str, int]]:
    for table in tables(connection):
        if table.schema in OURS and table.full_name not in _NOT_BY_ROW:
            gone = connection.execute(
                sql.SQL("delete from {} where {}").format(sql.Identifier(table.schema, table.name), table.of(user_id))
            )
            yield table.full_name, gone.rowcount


def forget_name(connection: psycopg.Connection, user_id: str) -> None:
    """Deletes the note of whose the history was. The caller commits."""
    connection.execute("delete from ops.unconnected_listeners where user_id = %s", (user_id,))


def vacuum(connection: psycopg.Connection) -> None:
    """Gives the deleted rows' room back, and forgets what Postgres noted of common values. Needs autocommit."""
    for table in tables(connection):
        if table.schema in OURS:
            connection.execute(sql.SQL("vacuum (analyze) {}").format(sql.Identifier(table.schema, table.name)))
