"""How long an export takes from the zip to queryable marts, beside a bare COPY and beside the naive way.

For each number of rows: a made-up extended history in a zip as Spotify sends it (files of 16,000 rows, ten years,
30,000 tracks, some of them far more often than others), imported into an empty embedded Postgres and built, in a
process of its own and timed after its imports. Beside it, in the same run: the same rows out of the same zip by one
COPY of seven columns and one upsert; and, up to 500,000 rows, by pandas' `to_sql`, as small pipelines do. Prints
seconds, rows a second, ratios, and the largest memory of the importing process.

    python benchmarks/import_history.py [rows…]
"""

import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import psycopg

ROWS_A_FILE = 16_000
TRACKS = 30_000
FIRST = datetime(2015, 1, 1, tzinfo=UTC)
YEARS = timedelta(days=3650)
NAIVE_UP_TO = 500_000


def make_zip(path: Path, rows: int) -> None:
    """An export with this many rows."""
    chance = Random(rows)  # noqa: S311
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number, start in enumerate(range(0, rows, ROWS_A_FILE)):
            found = [_row(chance, n, rows) for n in range(start, min(start + ROWS_A_FILE, rows))]
            name = f"Spotify Extended Streaming History/Streaming_History_Audio_2015-2024_{number}.json"
            archive.writestr(name, json.dumps(found, indent=2, ensure_ascii=False))


def _row(chance: Random, number: int, rows: int) -> dict[str, object]:
    track = int(TRACKS * chance.random() ** 3)
    ended = FIRST + YEARS * (number / rows)
    return {
        "ts": f"{ended:%Y-%m-%dT%H:%M:%SZ}",
        "username": "somebody",
        "platform": "iOS 17.1 (iPhone14,5)",
        "ms_played": chance.randrange(240_000),
        "conn_country": "DE",
        "ip_addr_decrypted": "203.0.113.7",
        "user_agent_decrypted": "unknown",
        "master_metadata_track_name": f"Track number {track}",
        "master_metadata_album_artist_name": f"Artist {track % 3000}",
        "master_metadata_album_album_name": f"Album {track // 10}",
        "spotify_track_uri": f"spotify:track:{track:022}",
        "episode_name": None,
        "episode_show_name": None,
        "spotify_episode_uri": None,
        "reason_start": "trackdone",
        "reason_end": chance.choice(["trackdone", "trackdone", "fwdbtn", "endplay"]),
        "shuffle": False,
        "skipped": None,
        "offline": False,
        "offline_timestamp": int(ended.timestamp()) - 200,
        "incognito_mode": False,
    }


def ours(path: Path, home: Path) -> dict[str, float]:
    """Seconds of landing and loading, and of building, and this process's largest memory in MB."""
    from spotify_assets.clock import clock_from
    from spotify_assets.listening.exports.importing import import_export
    from spotify_assets.listening.exports.sources import given, read
    from spotify_assets.modelling.project import find_project
    from spotify_assets.modelling.runner import runner_for
    from spotify_assets.modelling.session import BuildSession
    from spotify_assets.settings import Settings
    from spotify_assets.storage.lake import open_lake
    from spotify_assets.storage.warehouse import open_warehouse

    chosen = Settings(SPOTIFY_ASSETS_HOME=home)
    warehouse, lake, clock = open_warehouse(chosen), open_lake(chosen), clock_from(chosen)
    project = find_project(home)
    runner_for(project, warehouse).test([])  # imports dbt
    started = time.perf_counter()
    files, _ = given([path])
    imported = import_export(warehouse, lake, clock, "ada", read(files), "Europe/Berlin")
    loaded = time.perf_counter()
    session = BuildSession(warehouse, clock, project)
    broken = session.audit().broken or session.marts().broken
    session.close()
    if broken or imported.refused:
        sys.exit(str(broken or imported.refused))
    return {
        "load": loaded - started,
        "build": time.perf_counter() - loaded,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _plays(path: Path) -> Iterator[list[dict[str, object]]]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            yield json.loads(archive.read(name))


_BARE = """
    create table bare (
        user_id text, ts timestamptz, track_uri text, ms_played integer, track_name text, artist_name text,
        album_name text, primary key (user_id, ts, track_uri, ms_played)
    );
    create temporary table staged (like bare)
"""
_COLUMNS = {
    "ts": "ts",
    "spotify_track_uri": "track_uri",
    "ms_played": "ms_played",
    "master_metadata_track_name": "track_name",
    "master_metadata_album_artist_name": "artist_name",
    "master_metadata_album_album_name": "album_name",
}


def bare_copy(path: Path, dsn: str) -> float:
    """Seconds for one COPY and one upsert of the rows, unpacking and parsing included."""
    started = time.perf_counter()
    with psycopg.connect(dsn) as connection, connection.cursor() as cursor:
        cursor.execute(_BARE)
        with cursor.copy(f"copy staged (user_id, {', '.join(_COLUMNS.values())}) from stdin") as copy:
            for rows in _plays(path):
                for row in rows:
                    copy.write_row(["ada", *(row[key] for key in _COLUMNS)])
        cursor.execute("insert into bare select * from staged on conflict do nothing")
    return time.perf_counter() - started


def naive(path: Path, dsn: str) -> float:
    """Seconds for pandas' `to_sql` of the same columns, a file at a time."""
    import pandas as pd
    import sqlalchemy

    engine = sqlalchemy.create_engine(dsn.replace("postgresql://", "postgresql+psycopg2://"))
    started = time.perf_counter()
    for rows in _plays(path):
        frame = pd.DataFrame(rows)[list(_COLUMNS)].rename(columns=_COLUMNS)
        frame.to_sql("naive", engine, if_exists="append", index=False)
    return time.perf_counter() - started


def child(what: str, path: Path, home: Path) -> None:
    """Runs one way in this process and prints its figures."""
    from spotify_assets.storage.embedded import EmbeddedPostgres

    postgres = EmbeddedPostgres(home)
    postgres.start()
    if what == "ours":
        print(json.dumps(ours(path, home)))
    else:
        print(json.dumps({"load": {"bare": bare_copy, "naive": naive}[what](path, postgres.dsn())}))
    postgres.destroy()


def measure(what: str, path: Path) -> dict[str, float]:
    """One way in a process and a Postgres of its own."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as folder:
        done = subprocess.run(
            [sys.executable, __file__, "--child", what, str(path), f"{folder}/home"],
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        sys.exit(done.stderr)
    figures: dict[str, float] = json.loads(io.StringIO(done.stdout).readlines()[-1])
    return figures


def main() -> None:
    if sys.argv[1:2] == ["--child"]:
        child(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
        return
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as folder:
        for rows in [int(size) for size in sys.argv[1:]] or [50_000, 500_000, 2_000_000]:
            path = Path(folder) / f"{rows}.zip"
            make_zip(path, rows)
            figures = measure("ours", path)
            bare = measure("bare", path)["load"]
            seconds = figures["load"] + figures["build"]
            line = (
                f"{rows:>9,} rows: {seconds:.1f} s ({figures['load']:.1f} s load, {figures['build']:.1f} s build), "
                f"{rows / seconds:,.0f} rows a second, {figures['memory']:.0f} MB; bare COPY {bare:.1f} s "
                f"({seconds / bare:.1f} times)"
            )
            if rows <= NAIVE_UP_TO:
                slow = measure("naive", path)["load"]
                line += f"; pandas to_sql {slow:.1f} s, and nothing built ({slow / figures['load']:.1f} times our load)"
            print(line, flush=True)
            path.unlink()


if __name__ == "__main__":
    main()
