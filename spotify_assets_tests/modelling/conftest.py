"""What tests of the models need: a project with a home, and a hand that changes `raw` as a load does."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import LiteralString

import psycopg
import pytest
from psycopg import conninfo, sql

from spotify_assets.clock import FixedClock
from spotify_assets.modelling.project import Project, find_project
from spotify_assets.modelling.session import BuildSession, Outcome
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.world import prepare

PASSWORD = "only-for-this-test"
CLOCK = FixedClock(datetime(2026, 11, 21, 12, tzinfo=UTC))

Play = tuple[str, str, str]  # listener, played_at (ISO, UTC), track id


@dataclass(frozen=True)
class Row:
    """A row of an export; `ts` in ISO, UTC."""

    user_id: str
    ts: str
    track_id: str | None
    ms_played: int
    title: str | None = None
    artist: str | None = None


@dataclass(frozen=True)
class Raw:
    """Changes `raw` as a load does: one transaction, the next version, and what it changed."""

    warehouse: Warehouse

    def listener(self, user_id: str, time_zone: str) -> None:
        with self.warehouse.connect() as connection:
            connection.execute(
                "insert into ops.listeners (user_id, time_zone, api_url, status, connected_at) "
                "values (%s, %s, 'http://127.0.0.1', 'connected', '2026-01-01Z') "
                "on conflict (user_id) do update set time_zone = excluded.time_zone",
                (user_id, time_zone),
            )

    def load(
        self,
        plays: Iterable[Play] = (),
        *,
        gone: Iterable[Play] = (),
        tracks: Mapping[str, tuple[str, int | None, str | None, Sequence[str]]] | None = None,
        isrcs: Mapping[str, str] | None = None,
        albums: Mapping[str, str] | None = None,
        artists: Mapping[str, str] | None = None,
        announce: bool = True,
    ) -> None:
        """`tracks`: id -> (name, duration_ms, album id, artist ids); `albums` and `artists`: id -> name."""
        days: set[tuple[str, str]] = set()
        ids: set[tuple[str, str]] = set()
        with self.warehouse.connect() as connection:
            for play in plays:
                connection.execute("insert into raw.plays values (%s, %s, %s, 'album', null, 'key')", play)
                days.add((play[0], play[1][:10]))
            for play in gone:
                connection.execute(
                    "delete from raw.plays where (user_id, played_at, track_id) = (%s, %s::timestamptz, %s)", play
                )
                days.add((play[0], play[1][:10]))
            for track_id, (name, duration, album, credits_of) in (tracks or {}).items():
                connection.execute(
                    "insert into raw.tracks (track_id, name, duration_ms, album_id) values (%s, %s, %s, %s) "
                    "on conflict (track_id) do update set (name, duration_ms, album_id) = "
                    "(excluded.name, excluded.duration_ms, excluded.album_id)",
                    (track_id, name, duration, album),
                )
                connection.execute("delete from raw.track_artists where track_id = %s", (track_id,))
                for position, artist in enumerate(credits_of, 1):
                    connection.execute(
                        "insert into raw.track_artists values (%s, %s, %s)", (track_id, position, artist)
                    )
                ids.add(("track", track_id))
            for track_id, isrc in (isrcs or {}).items():
                connection.execute(
                    "insert into raw.tracks (track_id, isrc) values (%s, %s) "
                    "on conflict (track_id) do update set isrc = excluded.isrc",
                    (track_id, isrc),
                )
                ids.add(("track", track_id))
            ids |= _upsert_names(connection, "album", albums or {})
            ids |= _upsert_names(connection, "artist", artists or {})
            if announce:
                _announce(connection, days, ids)

    def export(
        self,
        name: str,
        rows: Sequence[Row],
        *,
        kind: LiteralString = "extended",
        export: str = "export",
        announce: bool = True,
    ) -> None:
        """Makes a file of an export, of one listener, consist of these rows; its hash is its name's."""
        file_hash = hashlib.sha256(name.encode()).hexdigest()[:12]
        with self.warehouse.connect() as connection:
            was = connection.execute(
                "delete from raw.streams where file_hash = %s returning user_id, ts::date", (file_hash,)
            ).fetchall()
            days = {(user, str(day)) for user, day in was} | {(row.user_id, row.ts[:10]) for row in rows}
            connection.cursor().executemany(
                "insert into raw.streams (user_id, file_hash, file_row, ts, ms_played, track_uri, track_name, "
                "album_artist_name) values (%s, %s, %s, %s, %s, %s, %s, %s)",
                [
                    (
                        row.user_id, file_hash, number, row.ts, row.ms_played,
                        f"spotify:track:{row.track_id}" if row.track_id else None, row.title, row.artist,
                    )
                    for number, row in enumerate(rows, 1)
                ],
            )  # fmt: skip
            connection.execute("delete from raw.export_files where file_hash = %s", (file_hash,))
            for user in {row.user_id for row in rows}:
                connection.execute(
                    "insert into raw.export_files select user_id, file_hash, %s, count(*), min(ts), max(ts), %s "
                    "from raw.streams where user_id = %s and file_hash = %s group by user_id, file_hash",
                    (kind, f"key of {name}", user, file_hash),
                )
                connection.execute(
                    "insert into raw.export_members values (%s, %s, %s, %s) on conflict do nothing",
                    (user, export, file_hash, name),
                )
                # An extended file says what account data and polls inside its span are worth.
                days |= {
                    (user, str(day))
                    for (day,) in connection.execute(
                        "select distinct at::date from (select user_id, ts as at from raw.streams union all "
                        "select user_id, played_at from raw.plays) as known, raw.export_files as file "
                        "where known.user_id = %s and file.user_id = %s and file.file_hash = %s "
                        "and at between first_ts - interval '1 day' and last_ts + interval '1 day'",
                        (user, user, file_hash),
                    ).fetchall()
                }
            named = {row.track_id: row for row in rows if row.track_id and row.title}
            for track_id, row in named.items():
                connection.execute(
                    "insert into raw.export_tracks values (%s, %s, %s, null, %s) on conflict (track_id) do update set "
                    "(track_name, album_artist_name) = (excluded.track_name, excluded.album_artist_name)",
                    (track_id, row.title, row.artist, row.ts),
                )
            if announce:
                _announce(connection, days, {("track", track_id) for track_id in named})

    def chart(self, source: str, chart: str, day: str, entries: Sequence[tuple[int, str | None, str]]) -> None:
        """A day's page of a chart: (position, track id, title)."""
        with self.warehouse.connect() as connection:
            connection.cursor().executemany(
                "insert into raw.chart_entries (source, chart, chart_date, position, date_is_fetch_day, track_id, "
                "source_id, title, artists, artist_ids) values (%s, %s, %s, %s, %s, %s, %s, %s, 'The X', '{}')",
                [
                    (source, chart, day, position, track_id is None, track_id, None if track_id else title, title)
                    for position, track_id, title in entries
                ],
            )
            _announce(connection, (), [("chart", f"{source} {chart}")])


def _announce(connection: psycopg.Connection, days: Iterable[tuple[str, str]], ids: Iterable[tuple[str, str]]) -> None:
    row = connection.execute("update ops.raw_version set version = version + 1 returning version").fetchone()
    assert row
    for day in days:
        connection.execute("insert into ops.changed_days values (%s, %s, %s)", (row[0], *day))
    for changed in ids:
        connection.execute("insert into ops.changed_ids values (%s, %s, %s)", (row[0], *changed))


def _upsert_names(
    connection: psycopg.Connection, kind: LiteralString, names: Mapping[str, str]
) -> set[tuple[str, str]]:
    for key, name in names.items():
        connection.execute(
            f"insert into raw.{kind}s ({kind}_id, name) values (%s, %s) "
            f"on conflict ({kind}_id) do update set name = excluded.name",
            (key, name),
        )
    return {(kind, key) for key in names}


@dataclass(frozen=True)
class Builder:
    """Builds as a run does, and reads what came of it."""

    warehouse: Warehouse
    project: Project

    def session(self) -> BuildSession:
        return BuildSession(self.warehouse, CLOCK, self.project)

    def build(self) -> Outcome:
        """A whole run: audit, then marts."""
        session = self.session()
        try:
            audited = session.audit("run")
            return audited if audited.broken else session.marts("run")
        finally:
            session.close()

    def rebuild(self) -> Outcome:
        """A full build, as after a change of code."""
        self.execute("delete from ops.builds")
        return self.build()

    def rows(self, query: LiteralString) -> list[tuple[object, ...]]:
        with self.warehouse.connect() as connection:
            return connection.execute(query).fetchall()

    def execute(self, statement: LiteralString) -> None:
        with self.warehouse.connect() as connection:
            connection.execute(statement)

    def everything(self) -> dict[str, list[str]]:
        """All rows of all tables of `intermediate` and `marts`, each as text, sorted."""
        tables = [(schema, name) for schema, name in self.project.relations() if schema != "staging"]
        with self.warehouse.connect() as connection:
            return {
                name: [
                    row[0]
                    for row in connection.execute(f"select t::text from {schema}.{name} as t order by 1".encode())
                ]
                for schema, name in tables
            }


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    home = tmp_path_factory.mktemp("dbt_home")
    prepare(home)
    return find_project(home)


@pytest.fixture
def raw(warehouse: Warehouse) -> Raw:
    return Raw(warehouse)


@pytest.fixture
def builder(warehouse: Warehouse, project: Project) -> Builder:
    return Builder(warehouse, project)


@dataclass(frozen=True)
class Roles:
    """Roles that may log in: a dashboard's, alex's own, and one in no group."""

    warehouse: Warehouse
    dashboard: str
    alex: str
    stranger: str

    @contextmanager
    def login(self, role: str) -> Iterator[psycopg.Connection]:
        address = conninfo.make_conninfo(self.warehouse.dsn, user=role, password=PASSWORD)
        with psycopg.connect(address, autocommit=True) as connection:
            yield connection


@pytest.fixture
def roles(warehouse: Warehouse) -> Iterator[Roles]:
    """Made by the pipeline, as a person does with `spotify-assets db psql`."""
    names = [f"{who}_{os.getpid()}" for who in ("Dashboard", "Alex", "stranger")]
    with warehouse.connect() as connection:
        for name in names:
            connection.execute(
                sql.SQL("create role {} login password {}").format(sql.Identifier(name), sql.Literal(PASSWORD))
            )
        connection.execute("insert into ops.listener_roles values (%s, 'alex')", (names[1],))
        for name in names[:2]:
            connection.execute(sql.SQL("grant reader to {}").format(sql.Identifier(name)))
    yield Roles(warehouse, *names)
    with warehouse.connect() as connection:
        for name in names:
            connection.execute(sql.SQL("drop role {}").format(sql.Identifier(name)))
