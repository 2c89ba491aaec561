"""A takeout holds all rows of the listener in both formats, nothing of anybody else, and is whole or has no README."""

import csv
import json
import resource
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from pyarrow import parquet

from spotify_assets.clock import clock_from
from spotify_assets.errors import UserError
from spotify_assets.modelling.builds import BuildLock
from spotify_assets.modelling.project import find_project
from spotify_assets.settings import Settings
from spotify_assets.storage.lake import Lake, lake_key, open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets.takeout import writing
from spotify_assets.takeout.folder import MARKER, README, open_folder
from spotify_assets.takeout.objects import copy_objects, object_keys
from spotify_assets.takeout.snapshot import snapshot
from spotify_assets.takeout.tables import NOBODYS, REFERENCES, wanted_tables
from spotify_assets.takeout.writing import Takeout
from spotify_assets_tests.leaks import Piece, in_files, leaks
from spotify_assets_tests.takeout.conftest import MINE, ODD, ONLY_OTHERS, OTHERS, OTHERS_SHOWN, START, Shared

# What is asked here in other words than the takeout asks.
_MY_TRACKS = "(select track_id from marts.fct_plays where user_id = 'alex' and track_id is not null)"
_MINE_OF = {
    "tracks": f"select * from marts.dim_tracks where track_id in {_MY_TRACKS}",
    "artists": "select * from marts.dim_artists where artist_id in (select unnest(artist_ids) from marts.dim_tracks "
    f"where track_id in {_MY_TRACKS})",
    "albums": "select * from marts.dim_albums where album_id in (select album_id from marts.dim_tracks "
    f"where track_id in {_MY_TRACKS})",
    "artist_genres": "select * from marts.artist_genres where artist_id in (select unnest(artist_ids) "
    f"from marts.dim_tracks where track_id in {_MY_TRACKS})",
    "track_recordings": f"select * from marts.track_recordings where track_id in {_MY_TRACKS}",
    "quarantine": "select * from raw.quarantine where lake_key like '%/user=alex/%'",
}


@pytest.fixture(scope="module")
def taken(shared: Shared, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The takeout of one of the two."""
    folder = tmp_path_factory.mktemp("takeout") / "new" / "mine"
    shared.write(MINE, folder)
    return folder


def of_parquet(folder: Path, name: str) -> list[tuple[object, ...]]:
    return [tuple(row.values()) for row in parquet.read_table(folder / f"{name}.parquet").to_pylist()]


def of_csv(folder: Path, name: str) -> list[list[str]]:
    with (folder / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


def as_read(text: str, value: object) -> object:
    """What a field of CSV says, as the type of the value that it should be."""
    readers: dict[type, Callable[[str], object]] = {
        bool: {"true": True, "false": False}.__getitem__,
        int: int,
        datetime: datetime.fromisoformat,
        date: date.fromisoformat,
        list: json.loads,
        Decimal: Decimal,
        float: float,
    }
    return None if value is None and text == "" else readers.get(type(value), str)(text)


def in_database(
    world_rows: Callable[[str], list[tuple[object, ...]]], table: str, file: str
) -> list[tuple[object, ...]]:
    return world_rows(_MINE_OF.get(file, f"select * from {table} where user_id = 'alex'"))


def everything_in(folder: Path) -> Iterator[Piece]:
    """All files, unpacked, Parquet read back."""
    yield from in_files(folder)
    for path in folder.glob("*.parquet"):
        yield path.name, str(parquet.read_table(path).to_pylist()).encode()


def sentence(takeout: Takeout) -> str:
    """What a takeout that can't be written says: one line."""
    with pytest.raises(UserError) as caught:
        takeout.write()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_both_formats_hold_every_row_and_column_of_the_listener(shared: Shared, taken: Path) -> None:
    tables = wanted_tables(find_project(shared.world.home).manifest())
    assert {"plays", "tracks", "artists", "track_days", "track_periods", "top_tracks", "top_artists", "reconciliation",
            "coverage", "raw_plays", "raw_streams", "quarantine"} <= {table.file for table in tables}  # fmt: skip
    for table in tables:
        stored = in_database(shared.world.rows, f"{table.schema}.{table.name}", table.file)
        assert stored, table.file
        if table.name == "polled_spans":
            assert len(of_parquet(taken, table.file)) == len(stored)
            continue
        kept = of_parquet(taken, table.file)
        assert sorted(map(repr, map(_read, kept))) == sorted(map(repr, map(_in_utc, stored))), table.file
        header, *lines = of_csv(taken, table.file)
        assert header == parquet.read_schema(taken / f"{table.file}.parquet").names
        read = [tuple(map(as_read, line, row)) for line, row in zip(lines, kept, strict=True)]
        assert read == [tuple(row) for row in kept], table.file


def _in_utc(row: Sequence[object]) -> tuple[object, ...]:
    """As Parquet's reader gives times: in a zone that is called UTC."""
    utc = ZoneInfo("UTC")
    return tuple(value.astimezone(utc) if isinstance(value, datetime) else value for value in row)


def _read(row: Sequence[object]) -> tuple[object, ...]:
    """JSON is text in both formats."""
    return tuple(json.loads(value) if isinstance(value, str) and value.startswith("[{") else value for value in row)


def test_plays_are_in_the_order_in_which_they_were_heard_and_have_their_types(shared: Shared, taken: Path) -> None:
    plays = parquet.read_table(taken / "plays.parquet")
    ordered = shared.world.rows(
        "select play_id from marts.fct_plays where user_id = 'alex' order by played_at, play_id"
    )
    assert [(play_id,) for play_id in plays["play_id"].to_pylist()] == ordered
    types = {field.name: str(field.type) for field in plays.schema}
    assert types["played_at"] == "timestamp[ms, tz=UTC]"
    assert (types["ms_played"], types["is_counted"], types["local_date"]) == ("int32", "bool", "date32[day]")
    assert str(parquet.read_schema(taken / "tracks.parquet").field("artist_ids").type).startswith("list<")
    [first, *_] = of_csv(taken, "plays")[1:]
    assert "2024-05-01T10:00:00.000Z" in first


def test_odd_titles_come_through(taken: Path) -> None:
    titles = parquet.read_table(taken / "tracks.parquet")["track_name"].to_pylist()
    assert set(ODD) <= set(titles)
    column = of_csv(taken, "tracks")[0].index("track_name")
    assert [row[column] for row in of_csv(taken, "tracks")[1:]] == [title or "" for title in titles]
    [unnamed] = [
        row for row in parquet.read_table(taken / "plays.parquet").to_pylist() if row["source"] == "account_data"
    ]
    assert (unnamed["title"], unnamed["artist_name"]) == ODD[:2]


def test_nothing_of_anybody_else_and_no_secret_is_in_it(shared: Shared, taken: Path) -> None:
    rows = shared.world.rows
    theirs = rows("select track_id from marts.fct_plays where user_id = 'wanda_w' and track_id is not null "
                  f"and track_id not in {_MY_TRACKS}")  # fmt: skip
    assert len(theirs) > 10
    [(account,)] = rows("select account_id from ops.listeners where user_id = 'wanda_w'")
    secrets = {
        name: shared.world.environment[name]
        for name in ("TOKEN_ENCRYPTION_KEY", "SPOTIFY_CLIENT_SECRET", "DATABASE_URL")
    }
    tokens = rows("select encode(refresh_token, 'escape') from ops.tokens")
    secrets |= {f"token {number}": str(token) for number, (token,) in enumerate(tokens)}
    others = {"her name": OTHERS, "her shown name": OTHERS_SHOWN, "her title": ONLY_OTHERS, "her account": str(account)}
    others |= {f"track {track}": str(track) for (track,) in theirs}

    assert leaks(others | secrets, everything_in(taken)) == []
    assert leaks({"himself": MINE}, everything_in(taken)) != []


def test_the_lakes_objects_lie_there_byte_for_byte(shared: Shared, taken: Path) -> None:
    lake = shared.world.home / "lake"
    mine = {key for key in names_in(lake) if "/user=alex/" in key}
    assert len(mine) == 2
    assert names_in(taken / "raw") == mine
    assert all((taken / "raw" / key).read_bytes() == (lake / key).read_bytes() for key in mine)


def test_objects_come_from_any_lake_and_damaged_ones_are_named(lake: Lake, tmp_path: Path) -> None:
    keys = {user: lake_key("recently_played", f"of {user}".encode(), START, user) for user in ("ada", "ada2", "bob")}
    for user, key in keys.items():
        lake.put(key, f"of {user}".encode())
    damaged = lake_key("streaming_history", b"what was landed", START, "ada")
    lake.put(damaged, b"something else")
    lake.put("recently_played/user=ada/notes.txt", b"left by a person")
    lake.put(lake_key("charts", b"of nobody", START, None), b"of nobody")

    with open_folder(tmp_path / "out", "ada") as folder:
        size, problems = copy_objects(lake, object_keys(lake, "ada"), folder, lambda _: None)

    assert names_in(tmp_path / "out" / "raw") == {keys["ada"], damaged}
    assert (tmp_path / "out" / "raw" / keys["ada"]).read_bytes() == lake.stored(keys["ada"])
    assert size == len(lake.stored(keys["ada"])) + len(lake.stored(damaged))
    [problem] = problems
    assert damaged in problem
    assert object_keys(lake, "nobody") == []


def test_the_readme_says_what_every_file_and_column_is(shared: Shared, taken: Path) -> None:
    text = (taken / README).read_text(encoding="utf-8")
    assert text.startswith("# The Spotify listening history of Alex \\| the \\*First\\* (alex)\n")
    assert "on 2026-03-02 at 06:00:00 UTC" in text
    assert "Europe/Berlin; Asia/Tokyo from 2026-03-01 on" in text
    assert "the listener's own data" in text
    assert 'pandas.read_parquet("plays.parquet")' in text
    assert "duckdb.sql(" in text
    for path in taken.glob("*.parquet"):
        assert (
            f"| [`{path.stem}.parquet`, `{path.stem}.csv`](#{path.stem}) | {len(of_parquet(taken, path.stem))} |"
            in text
        )
        section = text.split(f"\n### {path.stem}\n")[1].split("\n### ")[0]
        described = dict(line.strip("| ").split(" | ", 1) for line in section.splitlines() if line.startswith("| "))
        for name in parquet.read_schema(path).names:
            kind, _, what = described[name].partition(" | ")
            assert kind, f"{path.stem}.{name} has a type"
            assert what.strip(), f"{path.stem}.{name} has a description"


def test_all_that_the_warehouse_keeps_of_a_listener_is_wanted(shared: Shared) -> None:
    manifest = find_project(shared.world.home).manifest()
    tables = {(table.schema, table.name): table for table in wanted_tables(manifest)}
    marts = {node["alias"] for node in manifest["nodes"].values() if node.get("schema") == "marts"
             and node["resource_type"] == "model"}  # fmt: skip
    wanted = {name for schema, name in tables if schema == "marts"}
    assert wanted == marts - NOBODYS, "a new dimension belongs into REFERENCES"
    assert {*REFERENCES, *NOBODYS} <= marts
    of_listeners = shared.world.rows(
        "select table_name from information_schema.columns where table_schema = 'raw' and column_name = 'user_id'"
    )
    assert {name for (name,) in of_listeners} | {"quarantine"} == {name for schema, name in tables if schema == "raw"}
    for (schema, name), table in tables.items():
        columns = shared.world.rows(
            "select column_name from information_schema.columns where table_schema = %s and table_name = %s",
            (schema, name),
        )
        assert {column.name for column in table.columns} == {column for (column,) in columns}, "described in dbt"


def test_another_run_replaces_what_was_there(shared: Shared, tmp_path: Path) -> None:
    shared.write(MINE, tmp_path)
    before = {name: (tmp_path / name).read_bytes() for name in names_in(tmp_path)}
    marker = json.loads((tmp_path / MARKER).read_bytes())
    (tmp_path / MARKER).write_text(json.dumps(marker | {"files": [*marker["files"], "of_yesterday.csv", "../kept"]}))
    (tmp_path / "of_yesterday.csv").write_text("a mart that is no more")
    (tmp_path.parent / "kept").write_text("not ours")
    (tmp_path / "plays.csv").write_text("cut")
    gone = tmp_path / "raw" / lake_key("recently_played", b"gone from the lake", START, MINE)
    gone.parent.mkdir(parents=True, exist_ok=True)
    gone.write_bytes(b"")

    shared.write(MINE, tmp_path)

    assert {name: (tmp_path / name).read_bytes() for name in names_in(tmp_path)} == before
    assert (tmp_path.parent / "kept").exists()


def test_one_that_was_cut_off_has_no_readme_and_whole_files_only(shared: Shared, tmp_path: Path) -> None:
    shared.write(MINE, tmp_path)
    whole = {name: (tmp_path / name).read_bytes() for name in names_in(tmp_path)}

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    for step in ("write_parquet", "copy_objects"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(writing, step, cut)
            with pytest.raises(KeyboardInterrupt):
                shared.write(MINE, tmp_path)
        assert names_in(tmp_path) == set(whole) - {README}
        assert all((tmp_path / left).read_bytes() == whole[left] for left in names_in(tmp_path) - {MARKER})

    # What a power cut leaves.
    (tmp_path / "plays.csv.part").write_text("half")
    next((tmp_path / "raw").rglob("*.gz")).with_suffix(".gz.part").write_bytes(b"half")
    shared.write(MINE, tmp_path)
    assert {name: (tmp_path / name).read_bytes() for name in names_in(tmp_path)} == whole


def test_a_folder_with_other_things_is_left_alone(shared: Shared, tmp_path: Path) -> None:
    def refused(folder: Path, user_id: str = MINE) -> str:
        before = names_in(tmp_path)
        said = sentence(shared.takeout(user_id, folder))
        assert names_in(tmp_path) == before
        return said

    mine, foreign = tmp_path / "mine", tmp_path / "foreign"
    shared.write(MINE, mine)
    foreign.mkdir()
    (foreign / README).write_text("# somebody's project")
    assert "foreign holds 'README.md', which is of no earlier export" in refused(foreign)
    assert "holds the export of alex; give wanda_w a folder of their own" in refused(mine, OTHERS)
    (mine / "raw" / "thesis.txt").write_text("precious")
    assert "'raw/thesis.txt'" in refused(mine)
    (mine / "raw" / "thesis.txt").rename(mine / "thesis.txt")
    assert "'thesis.txt'" in refused(mine)
    (mine / "thesis.txt").unlink()
    with open_folder(mine, MINE):
        assert "Another export is being written" in refused(mine)
    assert "File exists" in refused(foreign / README / "below")
    assert "File exists" in refused(foreign / README)


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half(shared: Shared, tmp_path: Path) -> None:
    takeout = shared.takeout(MINE, tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8_000, hard))
    try:
        said = sentence(takeout)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert f"The export can't be written to {tmp_path} (File too large" in said
    assert not (tmp_path / README).exists()
    assert not [name for name in names_in(tmp_path) if name.endswith(".part")]


def test_a_build_that_is_under_way_is_waited_for_and_none_is_turned_away(shared: Shared, tmp_path: Path) -> None:
    building = BuildLock(shared.world.warehouse)
    assert building.take()
    heard = []

    def listen(what: str, done: int, total: int | None) -> None:
        heard.append(what)
        building.release()

    shared.takeout(MINE, tmp_path, listen).write()

    assert heard[0] == "waiting for the build that is under way"
    assert (tmp_path / README).exists()
    wanted = wanted_tables(find_project(shared.world.home).manifest())
    with snapshot(shared.world.warehouse, wanted, lambda: None), shared.world.warehouse.connect() as other:
        assert building.take(), "a build may begin"
        building.release()
        other.execute("set lock_timeout = 100")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            other.execute("alter table marts.track_days rename to old_track_days")


@pytest.fixture
def empty(unbuilt_warehouse: Warehouse, shared: Shared, tmp_path: Path) -> Callable[[str], Takeout]:
    """Takeouts of a warehouse in which nothing was ever built."""
    chosen = Settings(SPOTIFY_ASSETS_HOME=tmp_path / "home")
    manifest = find_project(shared.world.home).manifest()

    def takeout(user_id: str) -> Takeout:
        return Takeout(
            user_id=user_id,
            folder=tmp_path / "out" / user_id,
            warehouse=unbuilt_warehouse,
            lake=open_lake(chosen),
            manifest=manifest,
            clock=clock_from(chosen),
            progress=lambda *_: None,
        )

    return takeout


def test_who_has_no_plays_gets_empty_tables(
    empty: Callable[[str], Takeout], unbuilt_warehouse: Warehouse, tmp_path: Path
) -> None:
    with unbuilt_warehouse.connect() as connection:
        connection.execute("insert into ops.unconnected_listeners (user_id, time_zone) values ('ada', 'UTC')")

    written = empty("ada").write()

    assert written.plays == 0
    assert {file.count for file in written.files} == {0}
    out = tmp_path / "out" / "ada"
    assert of_parquet(out, "plays") == []
    assert [len(of_csv(out, name)) for name in ("plays", "tracks", "raw_streams")] == [1, 1, 1]
    assert str(parquet.read_schema(out / "plays.parquet").field("played_at").type) == "timestamp[ms, tz=UTC]"
    assert str(parquet.read_schema(out / "tracks.parquet").field("artist_ids").type).startswith("list<")
    assert "There are no plays of this listener" in (out / README).read_text()


def test_who_is_known_from_data_only_is_known(
    empty: Callable[[str], Takeout], unbuilt_warehouse: Warehouse, tmp_path: Path
) -> None:
    assert "Nobody here is called ada" in sentence(empty("ada"))
    assert "spotify-assets listeners list" in sentence(empty("ada"))
    assert not (tmp_path / "out").exists()
    assert "can't be a listener's name" in sentence(empty("../ada"))
    empty("ada").lake.put(lake_key("recently_played", b"{}", datetime(2026, 1, 1, tzinfo=UTC), "ada"), b"{}")
    assert empty("ada").write().plays == 0
    with unbuilt_warehouse.connect() as connection:
        connection.execute(
            "insert into raw.streams (user_id, file_hash, file_row, ts, ms_played) "
            "values ('bob', 'f', 1, '2026-01-01Z', 1)"
        )
    assert "The plays of bob are not modelled yet" in sentence(empty("bob"))
