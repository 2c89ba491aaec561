"""An installation that two listeners share, filled by the simulator's polls and by exports with odd titles, and built
once for all tests, which only read it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spotify_assets.clock import clock_from
from spotify_assets.modelling.project import find_project
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.embedded import EmbeddedPostgres
from spotify_assets.storage.lake import lake_key, open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets.takeout.writing import Progress, Takeout, Written
from spotify_assets_tests.databases import create_database, database_dsn
from spotify_assets_tests.modelling.conftest import Raw, Row
from spotify_assets_tests.world import World

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
MINE, OTHERS = "alex", "wanda_w"
SHOWN, OTHERS_SHOWN = "Alex | the *First*", "Wanda Quillfeather"
ODD = ('a line\nbreak, "quotes" and a comma', "🎧 \r\n", '"', "'", "\\.", "\\N", "NULL", "NaN", " ", "tab\tand ; |")
ONLY_OTHERS = "Only Hers Of All"


@dataclass(frozen=True)
class Shared:
    """The installation, and its takeouts."""

    world: World

    def takeout(self, user_id: str, folder: Path, progress: Progress = lambda *_: None) -> Takeout:
        chosen = self.world.settings()
        return Takeout(
            user_id=user_id,
            folder=folder,
            warehouse=self.world.warehouse,
            lake=open_lake(chosen),
            manifest=find_project(chosen.home_path).manifest(),
            clock=clock_from(chosen),
            progress=progress,
        )

    def write(self, user_id: str, folder: Path) -> Written:
        return self.takeout(user_id, folder).write()


@pytest.fixture(scope="module")
def shared(postgres_server: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    create_database(postgres_server, "takeout", template="migrated")
    warehouse = Warehouse(database_dsn(postgres_server, "takeout"))
    with (
        pytest.MonkeyPatch.context() as patch,
        SimulatorServer(SimulatorConfig(at=START, listeners=("alex", "wanda"))) as simulator,
    ):
        world = World.make(patch, warehouse, simulator, tmp_path_factory.mktemp("shared"))
        _fill(world)
        yield Shared(world)


def _fill(world: World) -> None:
    world.login(MINE, "alex")
    world.login(OTHERS, "wanda")
    world.tick_without_dagster(build=False)
    raw = Raw(world.warehouse)
    raw.export("Streaming_History_Audio_2025.json", _odd_rows(MINE, ODD))
    raw.export("StreamingHistory_music_0.json", [Row(MINE, "2024-05-01T10:00:00Z", None, 40_000, ODD[0], ODD[1])],
               kind="account_data")  # fmt: skip
    again = [
        Row(MINE, f"2024-06-01T10:{minute:02}:00Z", "again".ljust(22, "0"), 31_000, "Again", "And Again")
        for minute in range(12)
    ]
    raw.export("Streaming_History_Audio_2024.json", again, export="earlier")
    raw.export("Streaming_History_Audio_2025_of_another.json", _odd_rows(OTHERS, [ONLY_OTHERS]))
    with world.warehouse.connect() as connection:
        for user_id, shown in ((MINE, SHOWN), (OTHERS, OTHERS_SHOWN)):
            connection.execute("update ops.listeners set display_name = %s where user_id = %s", (shown, user_id))
            key = lake_key("streaming_history", user_id.encode(), START, user_id)
            connection.execute(
                "insert into raw.quarantine values (%s, '/0', 'no time', %s)", (key, f'"of {user_id}"\n')
            )
            open_lake(world.settings()).put(key, user_id.encode())
        connection.execute("insert into ops.listener_time_zones values (%s, '2026-03-01', 'Asia/Tokyo')", (MINE,))
        connection.execute(
            "insert into ops.exclusions (user_id, kind, starts_at, ends_at) "
            "values (%s, 'span', '2024-06-01 10:11Z', '2024-06-01 10:12Z')",
            (MINE,),
        )
        # One track of each was on a chart, and its artist has a genre.
        connection.execute(
            """
            insert into raw.chart_entries (
                source, chart, chart_date, position, date_is_fetch_day, track_id, title, artists, artist_ids, streams
            )
            select 'kworb', 'global_daily', '2026-03-01', row_number() over (), false, track_id, 'T', 'A', '{}', 5
            from (select user_id, min(track_id) as track_id from raw.plays group by user_id) as plays
            """
        )
        connection.execute(
            """
            insert into raw.spotify_genres (artist_id, genre)
            select distinct artist_id, 'ambient'
            from raw.track_artists
            """
        )
    world.build()


def _odd_rows(user_id: str, titles: Sequence[str]) -> list[Row]:
    return [
        Row(user_id, f"2025-05-01T10:{number:02}:00Z", f"odd{number}of{user_id}".ljust(22, "0"), 31_000, title, title)
        for number, title in enumerate(titles)
    ]
