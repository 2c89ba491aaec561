"""Who reads the marts: a dashboard sees everybody, a listener's role that listener only, nobody else anything.

All that is a listener's bears the listener's name: whatever a role gets to see is searched for the others' names.
"""

import re
import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import psycopg
import pytest
from psycopg import errors, sql

from spotify_assets.listeners import rows
from spotify_assets.modelling.project import Project, code_hash
from spotify_assets.storage.embedded import EmbeddedPostgres
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.databases import create_database, database_dsn
from spotify_assets_tests.modelling.conftest import Builder, Raw, Roles, Row
from spotify_assets_tests.sizes import size

LISTENERS = ("alex", "nora", "cleo")
OF_OTHERS = "nora|cleo"
"""No such word is in the hashes, of the letters a to f, that indexes are named by."""
PUBLIC = {"chart_history"}
"""What the world played: names of tracks there are nobody's secret."""


def hear(raw: Raw, user_id: str, number: int) -> None:
    """The listener hears one track more, of an artist and album of its own, and one that all have heard."""
    track, album, artist = (f"{user_id}-{what}-{number}" for what in ("track", "album", "artist"))
    describe(raw, track, album, artist)
    at = f"2026-03-0{number} 1{LISTENERS.index(user_id)}"
    raw.load([(user_id, f"{at}:00:00+00", track), (user_id, f"{at}:30:00+00", "shared-track")])


def describe(raw: Raw, track: str, album: str, artist: str) -> None:
    with raw.warehouse.connect() as connection:
        connection.execute("insert into raw.album_artists values (%s, 1, %s)", (album, artist))
        connection.execute("insert into raw.spotify_genres values (%s, %s)", (artist, f"{artist}-core"))
    raw.load(
        tracks={track: (f"Song {track}", 180_000, album, [artist])},
        albums={album: f"Album {album}"},
        artists={artist: f"The {artist}"},
    )


@pytest.fixture
def house(builder: Builder, raw: Raw, roles: Roles) -> Builder:
    """Three listeners with plays, exports and polls, and the world's charts; built."""
    describe(raw, "shared-track", "shared-album", "shared-artist")
    describe(raw, "world-track", "world-album", "world-artist")
    tracks = ["world-track", *(f"{user_id}-track-1" for user_id in LISTENERS)]
    raw.chart("kworb", "global", "2026-03-01", [(place, track, "A song") for place, track in enumerate(tracks, 1)])
    for user_id in LISTENERS:
        raw.listener(user_id, "Europe/Berlin")
        hear(raw, user_id, 1)
        describe(raw, f"{user_id}-left-out", f"{user_id}-album-0", f"{user_id}-artist-0")
        raw.load([(user_id, f"2026-02-10 10:{minute:02}:00+00", f"{user_id}-track-1") for minute in range(10)])
        raw.load([(user_id, "2026-02-11 10:00:00+00", f"{user_id}-left-out")])
        raw.export(
            f"Streaming_History_Audio_{user_id}_0.json",
            [
                Row(user_id, "2025-12-01 10:00:00+00", f"{user_id}-track-1", 100_000),
                Row(user_id, "2025-12-02 10:00:00+00", f"{user_id}-named", 100_000, f"Named {user_id}", user_id),
            ],
            export=f"export-{user_id}",
        )
        raw.export(
            f"StreamingHistory_music_{user_id}_0.json",
            [Row(user_id, "2024-12-01 10:00:00+00", None, 60_000, f"Old {user_id}", f"Unknown {user_id}")],
            kind="account_data",
            export=f"account-{user_id}",
        )
        with raw.warehouse.connect() as connection:
            connection.execute(
                "insert into raw.polled_spans values (%s, '{[2026-03-01 00:00Z, 2026-03-01 20:00Z]}')", (user_id,)
            )
            connection.execute(
                "insert into ops.exclusions (user_id, kind, value) values (%s, 'track', %s)",
                (user_id, f"{user_id}-left-out"),
            )
    builder.execute("insert into ops.exclusions (kind, value) values ('track', 'of-nobody')")
    assert builder.build().broken == []
    return builder


def marts(builder: Builder) -> dict[str, bool]:
    """The tables and views of the marts, and whether they have a `user_id`."""
    return {
        str(name): bool(has_user_id)
        for name, has_user_id in builder.rows(
            "select table_name, bool_or(column_name = 'user_id') from information_schema.columns "
            "where table_schema = 'marts' group by 1"
        )
    }


def text_columns(builder: Builder) -> list[tuple[str, str]]:
    """(relation, column) of all texts in the marts; of the charts, which also tell what the world played, none."""
    found = builder.rows(
        "select table_name, column_name from information_schema.columns "
        "where table_schema = 'marts' and data_type = 'text' and table_name !~ '^chart_'"
    )
    return [(str(name), str(column)) for name, column in found]


def texts(connection: psycopg.Connection, relation: str, condition: str = "true") -> list[str]:
    found = connection.execute(f"select t::text from marts.{relation} as t where {condition} order by 1".encode())
    return [row[0] for row in found]


def everybody_sees_what_is_theirs(builder: Builder, roles: Roles) -> None:
    """Compares all relations of the marts, as each role reads them, with what the owner reads."""
    relations = marts(builder)
    assert {"fct_plays", "dim_tracks", "artist_genres", "coverage", "chart_history", "top_tracks"} <= {*relations}
    with (
        roles.warehouse.connect() as owner,
        roles.login(roles.dashboard) as dashboard,
        roles.login(roles.alex) as alex,
        roles.login(roles.stranger) as stranger,
    ):
        for name, has_user_id in relations.items():
            everything = texts(owner, name)
            assert texts(dashboard, name) == everything, name
            assert not no_word_of_others(everything), name
            seen = texts(alex, name)
            if has_user_id:
                assert seen == texts(owner, name, "coalesce(user_id, 'alex') = 'alex'"), name
            elif name not in PUBLIC:
                assert seen == texts(owner, name, "t::text ~ 'alex|shared'"), name
                assert not any("world" in row for row in seen), name
            assert seen, name
            if name not in PUBLIC:
                assert no_word_of_others(seen), name
            with pytest.raises(errors.InsufficientPrivilege):
                texts(stranger, name)
        assert len(texts(alex, "chart_history")) == len(texts(owner, "chart_history"))


def nothing_gets_around_it(builder: Builder, roles: Roles) -> None:
    """What a person with alex's password may try."""
    with roles.login(roles.alex) as alex:
        said: list[str] = []
        alex.add_notice_handler(lambda notice: said.append(notice.message_primary or ""))
        alex.execute("set role reader")
        assert no_word_of_others(texts(alex, "fct_plays"))
        alex.execute("reset role")
        alex.execute(
            "create function pg_temp.tell(anything text) returns boolean language plpgsql cost 0.0000001 as "
            "$$ begin raise notice '%', anything; return true; end $$"
        )
        for name, column in text_columns(builder):
            # A row that is not to be seen would be told, or divide by zero.
            texts(alex, name, f"pg_temp.tell({column})")
            texts(alex, name, f"1 / (case when {column} ~ '{OF_OTHERS}' then 0 else 1 end) > 0")
        assert len({*said}) > 10
        assert no_word_of_others(said)
        for name in marts(builder):
            for explain in ("explain (verbose)", "explain (analyze, verbose)"):
                plan = alex.execute(f"{explain} select * from marts.{name}".encode())
                assert no_word_of_others(plan), name
        statistics = alex.execute("select tablename from pg_stats where schemaname !~ '^(pg_|information_schema)'")
        assert statistics.fetchall() == []
        for attempt in _ATTEMPTS:
            with pytest.raises(psycopg.Error) as refused:
                alex.execute(attempt.encode())
            assert isinstance(refused.value, errors.InsufficientPrivilege), attempt
        alex.execute("set row_security = off")
        with pytest.raises(errors.InsufficientPrivilege, match="row-level security"):
            texts(alex, "fct_plays")


_ATTEMPTS = (
    "set session authorization pipeline",
    "set role pipeline",
    "select * from raw.plays",
    "select * from raw.export_files",
    "select * from raw.chart_entries",
    "select * from staging.stg_plays",
    "select * from staging.stg_polled_spans",
    "select * from staging.recording_corrections",
    "select * from intermediate.int_plays",
    "select * from ops.listener_roles",
    "select ops.own_listeners()",
    "select ops.heard_tracks()",
    "select ops.admit_readers()",
    "insert into ops.listener_roles values (session_user, 'nora')",
    "insert into marts.reconciliation select * from marts.reconciliation",
    "update marts.fct_plays set user_id = 'nora'",
    "delete from marts.fct_plays",
    "truncate marts.fct_plays",
    "create table marts.mine (a int)",
    "create table public.mine (a int)",
    "create view public.mine as select 1 as a",
    "alter table marts.fct_plays disable row level security",
    "drop policy listeners on marts.fct_plays",
    "create policy mine on marts.fct_plays for select using (true)",
)


def no_word_of_others(found: Iterable[object]) -> bool:
    return not any(re.search(OF_OTHERS, str(each)) for each in found)


def test_a_role_sees_its_listener_only_after_every_kind_of_build(
    house: Builder, raw: Raw, roles: Roles, tmp_path: Path
) -> None:
    by_hand = (
        "insert into staging.recording_corrections select user_id || '-track-1', 'mine-' || user_id "
        "from unnest(array['alex', 'nora', 'cleo']) as user_id"
    )
    house.execute(by_hand)
    everybody_sees_what_is_theirs(house, roles)
    nothing_gets_around_it(house, roles)

    house.rebuild()
    assert house.rows("select count(*) from staging.recording_corrections") == [(0,)]
    house.execute(by_hand)
    everybody_sees_what_is_theirs(house, roles)
    nothing_gets_around_it(house, roles)

    made = house.rows("select oid, polrelid from pg_policy order by 1")
    for user_id in LISTENERS:
        hear(raw, user_id, 2)
    assert house.build().broken == []
    assert house.rows("select is_full from ops.builds order by build_id desc limit 1") == [(False,)]
    assert house.rows("select oid, polrelid from pg_policy order by 1") == made, "a tick leaves policies alone"
    everybody_sees_what_is_theirs(house, roles)
    with roles.login(roles.alex) as alex:
        assert len(texts(alex, "dim_albums", "album_id = 'alex-album-2'")) == 1
        assert len(texts(alex, "artist_genres", "artist_id = 'alex-artist-2'")) == 1

    if size(False, True):
        changed = Builder(house.warehouse, with_a_column_less(house.project, tmp_path))
        assert changed.build().broken == []
        changed.execute(by_hand)
        everybody_sees_what_is_theirs(changed, roles)
        nothing_gets_around_it(changed, roles)


def test_during_a_full_build_a_role_sees_its_listener_only_and_always(house: Builder, roles: Roles) -> None:
    stop = Event()
    looks = {name: set[int]() for name in marts(house) if name not in PUBLIC}

    def look() -> None:
        with roles.login(roles.alex) as alex:
            # One's own view must not keep builds from replacing what it is on.
            alex.execute("create temporary view mine as select track_id from marts.fct_plays")
            while not stop.is_set():
                for name, counts in looks.items():
                    seen = texts(alex, name)
                    assert no_word_of_others(seen), name
                    counts.add(len(seen))
                stop.wait(0.3)

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(look)
        try:
            for _ in range(size(1, 10)):
                assert house.rebuild().broken == []
        finally:
            stop.set()
        looking.result()
    assert all(len(counts) == 1 and 0 not in counts for counts in looks.values()), looks


def test_a_model_that_breaks_leaves_readers_with_the_last_good_version(
    house: Builder, raw: Raw, roles: Roles, tmp_path: Path
) -> None:
    def seen() -> dict[str, list[str]]:
        with roles.login(roles.dashboard) as dashboard:
            return {name: texts(dashboard, name) for name in marts(house)}

    before = seen()
    for user_id in LISTENERS:
        hear(raw, user_id, 2)
    below = children(house.project)
    for model in size(["int_plays", "track_days"], sorted(below)):
        broken = Builder(house.warehouse, with_a_broken_model(house.project, tmp_path / model, model))
        assert [result.name for result in broken.build().broken] == [model]
        now = seen()
        kept = {*before} if model.startswith("int_") else below[model] | {model} & {*before}
        assert {name: now[name] for name in kept} == {name: before[name] for name in kept}, model
    assert house.build().broken == []
    assert all(now != before[name] for name, now in seen().items() if name in ("fct_plays", "track_days", "wrapped"))


def test_a_mart_that_cant_take_a_tick_s_rows_stays_as_it_was(house: Builder, raw: Raw, roles: Roles) -> None:
    """Nothing is wrong with the code here, so that the build is of what is new only."""
    with roles.login(roles.dashboard) as dashboard:
        before = texts(dashboard, "track_days"), texts(dashboard, "listening_days")
        house.execute("alter table marts.track_days add constraint no_more check (local_date < '2026-04-01')")
        raw.load([("alex", "2026-04-02 10:00:00+00", "alex-track-1")])
        outcome = house.build()
        assert [result.name for result in outcome.broken] == ["track_days"]
        assert house.rows("select is_full from ops.builds order by build_id desc limit 1") == [(False,)]
        assert texts(dashboard, "track_days") == before[0]
        house.execute("alter table marts.track_days drop constraint no_more")
        assert house.build().broken == []
        assert len(texts(dashboard, "track_days")) == len(before[0]) + 1


def children(project: Project) -> dict[str, set[str]]:
    """All tables and views of `intermediate` and `marts` with the tables that are made of them, however indirectly.

    A view of them has no version of its own: it shows what its tables hold.
    """
    nodes = {
        key: node
        for key, node in project.manifest()["nodes"].items()
        if node["resource_type"] == "model" and node["schema"] != "staging"
    }

    def below(key: str) -> set[str]:
        direct = {other for other, node in nodes.items() if key in node["depends_on"]["nodes"]}
        return direct.union(*(below(other) for other in direct))

    tables = {key: node["name"] for key, node in nodes.items() if node["config"]["materialized"] == "incremental"}
    return {node["name"]: {tables[other] for other in below(key) if other in tables} for key, node in nodes.items()}


def with_a_broken_model(project: Project, folder: Path, model: str) -> Project:
    """The project with a model that Postgres understands and can't run; a view is no more than understood."""
    directory = folder / "dbt_project"
    shutil.copytree(project.directory, directory)
    (file,) = directory.glob(f"models/*/{model}.sql")
    is_view = "materialized='view'" in file.read_text()
    wrong = "order by no_column" if is_view else "limit (select 1 / (count(*) - count(*)) from ops.builds)"
    file.write_text(f"{file.read_text()}\n{wrong}\n")
    return Project(directory, folder, code_hash(directory))


def with_a_column_less(project: Project, folder: Path) -> Project:
    """The project after a change that views on `dim_tracks` do not survive."""
    directory = folder / "dbt_project"
    shutil.copytree(project.directory, directory)
    for name, lost in {
        "dim_tracks.sql": "    tracks.disc_number,\n",
        "_marts.yml": (
            "      - name: disc_number\n        description: On which disc of the album it is.\n"
            "        data_type: integer\n"
        ),
    }.items():
        file = directory / "models" / "marts" / name
        assert file.read_text().count(lost) == 1
        file.write_text(file.read_text().replace(lost, ""))
    return Project(directory, folder, code_hash(directory))


def test_every_mart_says_whose_its_rows_are(project: Project) -> None:
    for node in project.manifest()["nodes"].values():
        if node["resource_type"] == "model" and node["schema"] == "marts" and node["config"]["materialized"] != "view":
            meta = node["config"]["meta"]
            assert "user_id" in node["columns"] or meta.get("public") or meta.get("heard"), node["name"]


def test_a_line_for_a_role_that_nobody_logs_in_with_is_refused(warehouse: Warehouse) -> None:
    for name in ("nobody", "reader"):
        with (
            pytest.raises(errors.RaiseException, match=f'no login role called "{name}"'),
            warehouse.connect() as connection,
        ):
            connection.execute("insert into ops.listener_roles values (%s, 'alex')", (name,))


def test_a_role_that_is_renamed_stays_confined(house: Builder, roles: Roles) -> None:
    renamed = sql.Identifier(f"{roles.alex} again")
    rename = sql.SQL("alter role {} rename to {}")
    with roles.warehouse.connect() as owner:
        owner.execute(rename.format(sql.Identifier(roles.alex), renamed))
    try:
        with roles.login(f"{roles.alex} again") as alex:
            assert {user for (user,) in alex.execute("select user_id from marts.fct_plays")} == {"alex"}
    finally:
        with roles.warehouse.connect() as owner:
            owner.execute(rename.format(renamed, sql.Identifier(roles.alex)))


@pytest.mark.soak
def test_a_role_whose_listener_is_erased_sees_nobody(house: Builder, roles: Roles) -> None:
    with house.warehouse.connect() as connection:
        rows.forget_rows(connection, "alex")
    assert house.rows("select user_id from ops.listener_roles") == [("",)]
    house.build()
    with roles.login(roles.alex) as alex, roles.login(roles.dashboard) as dashboard:
        assert texts(alex, "fct_plays") == []
        assert texts(dashboard, "fct_plays")
        assert texts(alex, "exclusion_rules", "user_id is not null") == []  # a rule for everybody tells of nobody
        assert all(texts(alex, name) == [] for name in marts(house) if name not in {*PUBLIC, "exclusion_rules"})


def test_databases_of_a_server_that_are_made_at_once_share_the_role_and_one_may_come_before_it(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path)
    server.start()
    try:
        with psycopg.connect(server.admin_dsn(), autocommit=True) as admin:
            admin.execute("alter role pipeline nocreaterole")
            early = made_and_migrated(server, "early")
            assert admin.execute("select from pg_roles where rolname = 'reader'").fetchone() is None
            admin.execute("alter role pipeline createrole")
            names = [f"database_{number}" for number in range(4)]
            with ThreadPoolExecutor(4) as pool:
                assert len(list(pool.map(lambda name: made_and_migrated(server, name), names))) == 4
        with early.connect() as connection:
            may_look = "select has_schema_privilege('reader', 'marts', 'usage')"
            assert connection.execute(may_look).fetchone() == (False,)
            connection.execute("select ops.admit_readers()")
            assert connection.execute(may_look).fetchone() == (True,)
    finally:
        server.destroy()


def made_and_migrated(server: EmbeddedPostgres, name: str) -> Warehouse:
    create_database(server, name)
    warehouse = Warehouse(database_dsn(server, name))
    assert "0005_readers.sql" in warehouse.migrate()
    return warehouse
