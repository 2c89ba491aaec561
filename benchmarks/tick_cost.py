"""What a tick with 50 new plays costs where 5,000 and where 5,000,000 plays are stored.

For each size: a warehouse with that many streams over ten years, of one listener up to 500,000 and of as many more as
it takes beyond that, the last year polled as well, built; then ticks one after another, each of which lands a page of
50 plays of one listener, loads it and builds the models, all tests of a tick included. Prints the median seconds of a
tick after imports, and the blocks of Postgres that it touched (pg_stat_database), and both as ratios to the first size.

    python benchmarks/tick_cost.py [streams…]
"""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from spotify_assets.storage.warehouse import Warehouse

TICKS = 7
TRACKS = 30_000
STREAMS_OF_ONE = 500_000
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIRST = datetime(2016, 11, 1, tzinfo=UTC)

_HISTORY = """
    insert into raw.streams (
        user_id, file_hash, file_row, ts, ms_played, track_uri, track_name, album_artist_name, album_name,
        platform, conn_country, reason_start, reason_end, shuffle, skipped, offline, incognito_mode
    )
    select
        'ada' || n / %(of_one)s, lpad(to_hex(n / 16000), 12, '0'), n % 16000 + 1,
        %(first)s::timestamptz + n % %(of_one)s * (%(span)s::interval / %(of_one)s),
        (random() * 240000)::integer,
        'spotify:track:' || lpad(track::text, 22, '0'),
        'Track ' || track, 'Artist ' || track % 3000, 'Album ' || track / 10,
        'ios', 'DE', 'trackdone', (array['trackdone', 'fwdbtn', 'endplay'])[1 + n % 3], true, false, false, false
    from (
        select n, (%(tracks)s * random() * random() * random())::integer as track
        from generate_series(0, %(rows)s - 1) as n
    ) as streams
"""
_FILES = """
    insert into raw.export_files
    select
        user_id, file_hash, 'extended', count(*), min(ts), max(ts),
        'streaming_history/user=' || user_id || '/date=2026-11-01/000000Z-' || file_hash || '.json.gz'
    from raw.streams
    group by user_id, file_hash
"""
_NAMES = """
    insert into raw.export_tracks
    select distinct on (track_uri) substr(track_uri, 15), track_name, album_artist_name, album_name, ts
    from raw.streams
    order by track_uri, ts desc
"""
_POLLED = """
    insert into raw.plays (user_id, played_at, track_id, lake_key)
    select user_id, ts + interval '0.5 seconds', substr(track_uri, 15), 'recently_played/user=' || user_id
    from raw.streams
    where ts > (select max(ts) from raw.streams) - interval '1 year' and ms_played >= 30000
    on conflict do nothing
"""


def make_history(connection: psycopg.Connection, rows: int, of_one: int) -> None:
    """Stored streams, as loads leave them."""
    connection.execute("select setseed(0.5)")
    values = {
        "first": FIRST,
        "span": NOW - timedelta(days=2) - FIRST,
        "rows": rows,
        "of_one": min(rows, of_one),
        "tracks": TRACKS,
    }
    connection.execute(_HISTORY.replace(" % ", " %% "), values)
    connection.execute(_FILES)
    connection.execute(_NAMES)
    connection.execute(_POLLED)
    connection.execute(
        "update ops.raw_version set version = 1, stream_count = (select count(*) from raw.streams), "
        "play_count = (select count(*) from raw.plays)"
    )


def page(number: int) -> bytes:
    """A poll's answer with 50 plays that end one after another before that tick."""
    chance = Random(number)  # noqa: S311
    items = []
    for back in range(50):
        track = f"{int(TRACKS * chance.random() ** 3):022}"
        at = NOW + timedelta(minutes=30 * number) - timedelta(seconds=35 * back)
        artist = {"id": f"artist{int(track) % 3000}", "name": f"Artist {int(track) % 3000}"}
        items.append(
            {
                "played_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                "track": {"id": track, "name": f"Track {int(track)}", "duration_ms": 200_000, "artists": [artist]},
            }
        )
    return json.dumps({"items": items}).encode()


Tick = Callable[[int], float]


@contextmanager
def built(rows: int, of_one: int = STREAMS_OF_ONE) -> "Iterator[tuple[Warehouse, Tick]]":
    """A built warehouse with `rows` streams, `of_one` a listener at the most, and what makes one tick of seconds."""
    from spotify_assets.clock import FixedClock
    from spotify_assets.listening.loading import load_objects
    from spotify_assets.modelling.project import find_project
    from spotify_assets.modelling.session import BuildSession
    from spotify_assets.settings import Settings
    from spotify_assets.storage.embedded import EmbeddedPostgres
    from spotify_assets.storage.lake import open_lake
    from spotify_assets.storage.landing import Landing
    from spotify_assets.storage.warehouse import open_warehouse

    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as folder:
        chosen = Settings(SPOTIFY_ASSETS_HOME=Path(folder) / "home")
        warehouse, lake = open_warehouse(chosen), open_lake(chosen)
        project = find_project(chosen.home_path)
        with warehouse.connect() as connection:
            make_history(connection, rows, of_one)
        vacuum(warehouse)

        def build() -> None:
            session = BuildSession(warehouse, FixedClock(NOW), project)
            broken = session.audit().broken or session.marts().broken
            session.close()
            if broken:
                sys.exit(broken[0].sentence)

        def tick(number: int) -> float:
            started = time.perf_counter()
            at = NOW + timedelta(minutes=30 * number)
            landed = Landing(lake, warehouse).land("recently_played", page(number), at, "ada0")
            load_objects(warehouse, lake, [landed.key])
            build()
            return time.perf_counter() - started

        started = time.perf_counter()
        build()
        print(f"  {rows:>9,} streams: full build {time.perf_counter() - started:.1f} s", flush=True)
        vacuum(warehouse)
        yield warehouse, tick
        EmbeddedPostgres(chosen.home_path).destroy()


def measure(rows: int) -> tuple[float, float]:
    """Median seconds and blocks of a tick where `rows` streams are stored."""
    seconds, blocks = [], []
    with built(rows) as (warehouse, tick):
        for number in range(TICKS + 1):
            before = _blocks(warehouse.dsn)
            seconds.append(tick(number))
            blocks.append(_blocks(warehouse.dsn) - before)
    # The first tick fills caches, and reads the day of which half was there.
    return statistics.median(seconds[1:]), statistics.median(blocks[1:])


def vacuum(warehouse: "Warehouse") -> None:
    with warehouse.connect() as connection:
        connection.autocommit = True
        connection.execute("vacuum analyze")


def _blocks(dsn: str) -> int:
    time.sleep(0.1)  # for backends that have just gone to report
    with psycopg.connect(dsn, autocommit=True) as connection:
        row = connection.execute(
            "select blks_hit + blks_read from pg_stat_database where datname = current_database()"
        ).fetchone()
    return int(row[0]) if row else 0


def main() -> None:
    sizes = [int(size) for size in sys.argv[1:]] or [5_000, 5_000_000]
    found = {size: measure(size) for size in sizes}
    base = found[sizes[0]]
    for size, (seconds, blocks) in found.items():
        print(
            f"{size:>9,} streams: {seconds:.2f} s a tick ({seconds / base[0]:.2f} times), "
            f"{blocks:,.0f} blocks ({blocks / base[1]:.2f} times)"
        )


if __name__ == "__main__":
    main()
