"""How long a lost database takes to come back: years of one listener's landed polls and exports, into an empty one.

Polls each half hour; some 55 plays a day between 8 and 24 o'clock, so that most pages repeat the one before, as real
ones do; and an export with 100 streams a day. Prints how long landing them took (not a figure of interest), and how
long loading and building take.

    python benchmarks/replay.py [years]
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

FIRST = datetime(2023, 11, 1, tzinfo=UTC)
POLL = timedelta(minutes=30)
PLAYS_A_DAY = 55
TRACKS = 8_000


def plays(days: int) -> list[tuple[datetime, int]]:
    """When each play ended, and which track it was."""
    chance = Random(days)  # noqa: S311
    found = []
    for day in range(days):
        for _ in range(PLAYS_A_DAY):
            at = FIRST + timedelta(days=day, hours=8, milliseconds=chance.randrange(16 * 3_600_000))
            found.append((at, int(TRACKS * chance.random() ** 3)))
    return sorted(found)


def item(at: datetime, track: int) -> dict[str, object]:
    """A play as Spotify reports it, in the fields that are loaded."""
    artist = {"id": f"artist{track % 900:016}", "name": f"Artist {track % 900}", "type": "artist"}
    return {
        "played_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "context": None,
        "track": {
            "id": f"{track:022}",
            "name": f"Track number {track}",
            "duration_ms": 200_000,
            "explicit": False,
            "is_local": False,
            "disc_number": 1,
            "track_number": track % 12 + 1,
            "external_ids": {"isrc": f"DEA{track:09}"},
            "artists": [artist],
            "album": {
                "id": f"album{track // 10:017}",
                "name": f"Album {track // 10}",
                "album_type": "album",
                "release_date": "2019-05-03",
                "release_date_precision": "day",
                "total_tracks": 12,
                "artists": [artist],
                "images": [{"url": "https://i.scdn.co/image/none", "width": 640, "height": 640}],
            },
        },
    }


def pages(played: list[tuple[datetime, int]], days: int) -> Iterator[tuple[datetime, bytes]]:
    """The newest 50 plays at each half hour."""
    seen, now, body = 0, FIRST + timedelta(days=1), b""
    while now < FIRST + timedelta(days=days):
        before = seen
        while seen < len(played) and played[seen][0] <= now:
            seen += 1
        if seen != before or not body:
            newest = [item(*play) for play in reversed(played[max(0, seen - 50) : seen])]
            body = json.dumps({"items": newest, "limit": 50, "next": None}).encode()
        yield now, body
        now += POLL


def main() -> None:
    from benchmarks.import_history import make_zip
    from spotify_assets.clock import FixedClock
    from spotify_assets.listening.exports.importing import import_export
    from spotify_assets.listening.exports.lake_exports import all_keys
    from spotify_assets.listening.exports.loading import load_keys
    from spotify_assets.listening.exports.sources import given, read
    from spotify_assets.listening.loading import load_objects
    from spotify_assets.modelling.project import find_project
    from spotify_assets.modelling.session import BuildSession
    from spotify_assets.settings import Settings
    from spotify_assets.storage.embedded import EmbeddedPostgres
    from spotify_assets.storage.lake import lake_key, open_lake
    from spotify_assets.storage.landed import in_order_of_fetching
    from spotify_assets.storage.warehouse import Warehouse, open_warehouse

    days = round(float(sys.argv[1]) * 365) if len(sys.argv) > 1 else 3 * 365
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCHMARK_DIR")) as folder:
        homes = [Path(folder) / name for name in ("before", "after")]
        chosen = Settings(SPOTIFY_ASSETS_HOME=homes[0])
        lake = open_lake(chosen)
        clock = FixedClock(FIRST + timedelta(days=days))
        started = time.perf_counter()
        for now, body in pages(plays(days), days):
            lake.put(lake_key("recently_played", body, now, "ada"), body)
        archive = Path(folder) / "export.zip"
        make_zip(archive, 100 * days)
        import_export(open_warehouse(chosen), lake, clock, "ada", read(given([archive])[0]), "Europe/Berlin")
        EmbeddedPostgres(homes[0]).destroy()
        print(f"landed in {time.perf_counter() - started:.0f} s", flush=True)

        warehouse: Warehouse = open_warehouse(Settings(SPOTIFY_ASSETS_HOME=homes[1]))
        project = find_project(homes[1])
        started = time.perf_counter()
        load_keys(warehouse, lake, all_keys(lake))
        exported = time.perf_counter()
        keys = in_order_of_fetching(lake.list("recently_played/"))
        loaded = load_objects(warehouse, lake, keys)
        polled = time.perf_counter()
        session = BuildSession(warehouse, clock, project)
        broken = session.audit().broken or session.marts().broken
        session.close()
        if broken:
            sys.exit(broken[0].sentence)
        ended = time.perf_counter()
        print(
            f"{days} days: {len(keys):,} pages with {loaded.plays_new:,} plays in {polled - exported:.0f} s "
            f"({len(keys) / (polled - exported):,.0f} a second), {100 * days:,} rows of exports in "
            f"{exported - started:.0f} s, built in {ended - polled:.0f} s: {ended - started:.0f} s in all"
        )
        EmbeddedPostgres(homes[1]).destroy()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
    main()
