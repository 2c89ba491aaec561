"""Which tables a takeout holds, and which of their rows are the listener's.

What models and raw tables there are is asked of dbt's manifest, so that one that comes later is not forgotten: of the
marts and of `raw` all that have a `user_id`; the dimensions as far as the listener's plays refer to them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import sql

from spotify_assets.takeout.columns import Column

Manifest = Mapping[str, Any]

PLAYS = "fct_plays"
QUARANTINE = "quarantine"

_PLAYED = "(select coalesce(p.track_id, p.content_uri) from marts.fct_plays as p where p.user_id = {user})"
# How the plays of a listener refer to a dimension.
REFERENCES = {
    "dim_tracks": f"t.track_id in {_PLAYED}",
    "dim_artists": f"""t.artist_id in (
        select unnest(d.main_artist_id || d.artist_ids) from marts.dim_tracks as d where d.track_id in {_PLAYED}
        union
        select a.artist_id from marts.top_artists as a where a.user_id = {{user}} and a.period_kind = 'all_time'
    )""",
    "dim_albums": f"t.album_id in (select d.album_id from marts.dim_tracks as d where d.track_id in {_PLAYED})",
    "artist_genres": f"""t.artist_id in (
        select unnest(d.artist_ids) from marts.dim_tracks as d where d.track_id in {_PLAYED}
    )""",
    "track_recordings": f"t.track_id in {_PLAYED}",
}
"""The conditions, on a relation `t`, by model. An artist may be credited on a track, or known by name only."""
NOBODYS = {"chart_history", "dim_recordings"}
"""What is not in a takeout: the world's charts, and recordings, which also tell what others have played of them."""


@dataclass(frozen=True)
class Table:
    """A table or view, and the listener's part of it."""

    file: str
    """What its files are called, without their ending."""
    schema: str
    name: str
    description: str
    columns: tuple[Column, ...]
    condition: str
    """Which rows of `t` are the listener's, who stands there as `{user}`."""
    is_there: bool = False
    """Whether the warehouse has it: what was never built is not there yet."""
    is_counted: bool = False
    """Whether counting its rows is quick."""

    @property
    def relation(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    @property
    def has_user_id(self) -> bool:
        return any(column.name == "user_id" for column in self.columns)

    @property
    def is_dimension(self) -> bool:
        return self.name.startswith("dim_")

    def of(self, user_id: str) -> sql.Composed:
        """`from … where …`: the listener's rows, as `t`."""
        chosen = sql.SQL(self.condition).format(user=sql.Literal(user_id))
        return sql.SQL("from {} as t where {}").format(self.relation, chosen)

    def order(self) -> sql.Composed:
        """An order that leaves nothing open: plays as they were heard, all else by its columns from left to right."""
        first = ["played_at", "play_id"] if self.name == PLAYS else []
        names = [column.name for column in self.columns if column.can_be_sorted]
        ordered = first if first and set(first) <= set(names) else names
        return sql.SQL(", ").join(sql.SQL("t.{}").format(sql.Identifier(name)) for name in ordered)


def wanted_tables(manifest: Manifest) -> list[Table]:
    """The tables of a takeout as the manifest describes them, plays first."""
    tables = [*_marts(manifest), *_raw(manifest)]
    return sorted(tables, key=lambda table: (table.name != PLAYS, table.schema, not table.is_dimension, table.file))


def _marts(manifest: Manifest) -> Iterator[Table]:
    for node in manifest["nodes"].values():
        if node["resource_type"] == "model" and node["schema"] == "marts":
            name, columns = node["alias"], _columns(node)
            file = name.removeprefix("fct_").removeprefix("dim_")
            condition = "t.user_id = {user}" if "user_id" in node["columns"] else REFERENCES.get(name)
            if condition is not None:
                yield Table(file, "marts", name, _plain(node["description"]), columns, condition)


def _raw(manifest: Manifest) -> Iterator[Table]:
    for node in manifest["sources"].values():
        if node["schema"] == "raw":
            name, columns = node["identifier"], _columns(node)
            if name == QUARANTINE:
                condition = "split_part(t.lake_key, '/', 2) = 'user=' || {user}"
                yield Table(name, "raw", name, _plain(node["description"]), columns, condition)
            elif "user_id" in node["columns"]:
                yield Table(f"raw_{name}", "raw", name, _plain(node["description"]), columns, "t.user_id = {user}")


def _columns(node: Mapping[str, Any]) -> tuple[Column, ...]:
    return tuple(
        Column(name, described["data_type"] or "text", _plain(described["description"]))
        for name, described in node["columns"].items()
    )


def _plain(description: str) -> str:
    return " ".join(description.split())


def as_stored(connection: psycopg.Connection, table: Table) -> Table:
    """The table with the columns that the warehouse has; as it was described where it is not there."""
    rows = connection.execute(
        """
        select a.attname, format_type(a.atttypid, a.atttypmod), c.relkind in ('r', 'm', 'p')
        from pg_attribute as a
        inner join pg_class as c on c.oid = a.attrelid
        inner join pg_namespace as n on n.oid = c.relnamespace
        where n.nspname = %s and c.relname = %s and a.attnum > 0 and not a.attisdropped
        order by a.attnum
        """,
        (table.schema, table.name),
    ).fetchall()
    described = {column.name: column.description for column in table.columns}
    return replace(
        table,
        columns=tuple(Column(name, type_, described.get(name, "")) for name, type_, _ in rows) or table.columns,
        is_there=bool(rows),
        is_counted=any(is_table for *_, is_table in rows),
    )
