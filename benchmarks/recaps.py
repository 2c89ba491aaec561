"""What recaps cost on 1,000,000 streams: the full build, a tick with 50 new plays, and the queries of docs/queries.md.

Six of the simulator's listeners: the extended export of each since 2019 is imported, 90 days are polled every eight
hours on top, and every track and its artist is described. Each query is asked of one listener nine times, the first on
a connection that has asked nothing before; prints the median and the slowest of each.

    python benchmarks/recaps.py [listeners]
"""

import json
import os
import re
import statistics
import sys
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
from tick_cost import vacuum

from spotify_assets.catalog.landed import load_things
from spotify_assets.clock import FixedClock
from spotify_assets.listening.exports.importing import import_export
from spotify_assets.listening.exports.sources import given, read
from spotify_assets.listening.loading import load_objects
from spotify_assets.modelling.project import find_project
from spotify_assets.modelling.session import BuildSession
from spotify_assets.settings import Settings
from spotify_assets.simulator.config import SimulatorConfig, listener_names
from spotify_assets.simulator.export import export_zip
from spotify_assets.simulator.shapes import Json
from spotify_assets.simulator.timekeeping import to_ms
from spotify_assets.simulator.world import World
from spotify_assets.storage.embedded import EmbeddedPostgres
from spotify_assets.storage.lake import open_lake
from spotify_assets.storage.landing import Landing
from spotify_assets.storage.warehouse import Warehouse, open_warehouse

QUERIES = Path(__file__).resolve().parent.parent / "docs" / "queries.md"
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
POLLED_DAYS = 90
TICKS = 7
TIMES = 9


class Simulated:
    """A warehouse that is filled by the code of imports and polls with what simulated listeners heard."""

    def __init__(self, home: Path, listeners: int) -> None:
        chosen = Settings(SPOTIFY_ASSETS_HOME=home)
        self.world = World(SimulatorConfig(at=NOW, listeners=listener_names(listeners), tier="extended"))
        self.warehouse, self.lake, self.project = open_warehouse(chosen), open_lake(chosen), find_project(home)
        self.landing = Landing(self.lake, self.warehouse)
        self._folder = home

    def fill(self) -> int:
        """Imports, polls and describes; the number of stored streams."""
        tracks = {}
        for user, listener in self.world.listeners.items():
            streams = listener.streams(0, to_ms(NOW))
            tracks |= {stream.export_track.id: stream.export_track for stream in streams if stream.export_track}
            path = self._folder / f"{user}.zip"
            path.write_bytes(export_zip(self.world.catalogue, streams))
            files, _ = given([path])
            zone = listener.account.time_zone
            import_export(self.warehouse, self.lake, FixedClock(NOW), user, read(files), zone)
            polls = (NOW - timedelta(hours=8 * back) for back in range(3 * POLLED_DAYS))
            load_objects(self.warehouse, self.lake, [self.poll(user, at) for at in polls])
        catalogue, shapes = self.world.catalogue, self.world.shapes
        artists = [catalogue.artist(number) for number in sorted({track.artist for track in tracks.values()})]
        answers = self._describe("tracks", [shapes.track(track) for track in tracks.values()])
        answers += self._describe("artists", [shapes.artist(artist) for artist in artists])
        load_things(self.warehouse, self.lake, answers)
        vacuum(self.warehouse)
        with self.warehouse.connect() as connection:
            found = connection.execute("select count(*) from raw.streams").fetchone()
        return int(found[0]) if found else 0

    def poll(self, user: str, at: datetime) -> str:
        """Lands what recently-played says at a moment; the key in the lake."""
        world = self.world
        page = world.players[user].page(
            {"limit": 50}, to_ms(at), world.shapes, "extended", "https://api.spotify.com/v1"
        )
        return self.landing.land("recently_played", json.dumps(page).encode(), at, user).key

    def build(self, at: datetime = NOW) -> None:
        """Builds and tests what is new."""
        with closing(BuildSession(self.warehouse, FixedClock(at), self.project)) as session:
            broken = session.audit().broken or session.marts().broken
        if broken:
            sys.exit(broken[0].sentence)

    def tick(self, user: str, at: datetime) -> float:
        """Seconds to land, load and build a page of plays that are all new."""
        started = time.perf_counter()
        load_objects(self.warehouse, self.lake, [self.poll(user, at)])
        self.build(at)
        return time.perf_counter() - started

    def _describe(self, dataset: str, found: list[Json]) -> list[str]:
        """Lands answers about fifty things each."""
        bodies = [json.dumps({dataset: found[start : start + 50]}).encode() for start in range(0, len(found), 50)]
        return [self.landing.land(dataset, body, NOW, None).key for body in bodies]


def queries(user: str) -> list[str]:
    """The documented queries, of a listener."""
    blocks = re.findall(r"```sql\n(.*?)```", QUERIES.read_text(), re.DOTALL)
    return [block.strip().removesuffix(";").replace("'alex'", f"'{user}'") for block in blocks]


def ask(warehouse: Warehouse, query: str) -> tuple[list[float], int]:
    """Seconds of each time a query is asked, and how many rows it gives."""
    seconds, rows = [], 0
    with psycopg.connect(warehouse.dsn, autocommit=True) as connection:
        for _ in range(TIMES):
            started = time.perf_counter()
            rows = len(connection.execute(query.encode()).fetchall())
            seconds.append(time.perf_counter() - started)
    return seconds, rows


def main() -> None:
    listeners = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as folder:
        simulated = Simulated(Path(folder) / "home", listeners)
        user = next(iter(simulated.world.listeners))
        print(f"  {simulated.fill():>9,} streams of {listeners} listeners", flush=True)
        started = time.perf_counter()
        simulated.build()
        print(f"  full build {time.perf_counter() - started:.1f} s", flush=True)
        vacuum(simulated.warehouse)
        # Two days lie between ticks, so that no play of a page is known; the first tick fills caches.
        ticks = [simulated.tick(user, NOW + timedelta(days=2 * (number + 1))) for number in range(TICKS + 1)][1:]
        print(f"  a tick with 50 new plays: {statistics.median(ticks):.2f} s, at most {max(ticks):.2f} s", flush=True)
        medians, slowest = [], []
        for query in queries(user):
            seconds, rows = ask(simulated.warehouse, query)
            medians.append(statistics.median(seconds))
            slowest.append(max(seconds))
            source = re.findall(r"from (marts\.\w+)", query)[0]
            print(
                f"  {1000 * medians[-1]:7.1f} ms, at most {1000 * slowest[-1]:7.1f}: {source}, {rows} rows", flush=True
            )
        print(f"median of the medians {1000 * statistics.median(medians):.1f} ms, slowest {1000 * max(slowest):.1f} ms")
        EmbeddedPostgres(Path(folder) / "home").destroy()


if __name__ == "__main__":
    main()
