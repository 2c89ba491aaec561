"""An installation in which every check passes and no asset is empty: two listeners, an export, charts, genres."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import requests

from spotify_assets import asking
from spotify_assets.catalog import genres
from spotify_assets.cli.runs import run_job
from spotify_assets.clock import clock_from
from spotify_assets.fetched import ASKED_ON_TAG
from spotify_assets.listening.exports.importing import import_export
from spotify_assets.listening.exports.sources import given, read
from spotify_assets.modelling.project import find_project
from spotify_assets.modelling.runner import NodeResult
from spotify_assets.modelling.session import BuildSession
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.lake import open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.listening.exports.made_up import as_file, put, row
from spotify_assets_tests.world import World

NOW = datetime(2026, 3, 10, 16, tzinfo=UTC)
FIRST_POLL = NOW - timedelta(days=2)
Evaluations = dict[str, dg.AssetCheckEvaluation]


@dataclass
class GoodWorld:
    """The installation, what the checks said that assets make themselves, and what dbt said of its tests."""

    world: World
    made: Evaluations = field(default_factory=dict)
    tests: dict[str, NodeResult] = field(default_factory=dict)

    def run(self, job: str, *assets: str) -> Evaluations:
        """Materializes assets for the present day; returns their own checks and the others of the run."""
        chosen = self.world.settings()
        day = clock_from(chosen).now().date().isoformat()
        result = run_job(job, chosen, partition=day, tags={ASKED_ON_TAG: day}, only=assets)
        return by_name(result)


def by_name(result: dg.ExecuteInProcessResult) -> Evaluations:
    """What the checks of a run said, by `asset:check`."""
    return {check.asset_check_key.to_user_string(): check for check in result.get_asset_check_evaluations()}


@contextmanager
def good_world(warehouse: Warehouse, home: Path) -> Iterator[GoodWorld]:
    """Makes it in an unbuilt warehouse."""
    config = SimulatorConfig(
        at=FIRST_POLL, listeners=("alex", "bo"), plays_a_day=0, musicbrainz_hit_rate=1.0, tier="extended"
    )
    with pytest.MonkeyPatch.context() as patch, SimulatorServer(config) as simulator:
        patch.setattr(genres, "BETWEEN_CALLS", 0.0)
        patch.setattr(asking.Asker, "_rest", lambda _asker, _seconds: None)
        world = World.make(patch, warehouse, simulator, home, SPOTIFY_DAILY_REQUEST_BUDGET="500")
        made = GoodWorld(world)
        _fill(made)
        yield made


def _fill(made: GoodWorld) -> None:
    world = made.world
    music = world.simulator.world.catalogue
    own = [music.artist(900 + number).albums[0].tracks[0].id for number in range(8)]
    for user_id in ("alex", "bo"):
        world.login(user_id)
        # One track so often that it is an obsession, others around it.
        _play(world, user_id, own[0], *(FIRST_POLL - timedelta(minutes=9 * number) for number in range(1, 13)))
        _play(world, user_id, own[1], FIRST_POLL - timedelta(hours=5))
    world.tick_without_dagster(build=False)
    _take_export(world, own)
    world.at(NOW)
    made.made |= made.run("charts", "global_top_50")
    [(charted,)] = world.rows("select track_id from raw.chart_entries where position = 1")
    for user_id in ("alex", "bo"):
        _play(world, user_id, str(charted), NOW - timedelta(minutes=30))
        _play(world, user_id, own[2], NOW - timedelta(minutes=20))
    made.made |= made.run("listening", "raw_plays")
    for _ in range(2):
        made.made |= made.run("enrichment", "track_metadata", "artist_metadata")
    with world.warehouse.connect() as connection:
        connection.execute("insert into ops.exclusions (user_id, kind, value) values ('alex', 'track', %s)", (own[2],))
    made.tests = _build(world)


def _play(world: World, user_id: str, track_id: str, *ends: datetime) -> None:
    plays = [{"played_at": end.isoformat(), "track_id": track_id} for end in ends]
    url = f"{world.simulator.url}/_sim/plays"
    requests.post(url, json={"user": user_id, "plays": plays}, timeout=10).raise_for_status()


def _take_export(world: World, tracks: list[str]) -> None:
    """A month up to the first poll: a track every fourth day, a skip, a podcast, and one play that was polled too."""
    days = [FIRST_POLL - timedelta(days=4 * number, hours=3) for number in range(8)]
    rows = [
        row(ts=f"{at:%Y-%m-%dT%H:%M:%SZ}", spotify_track_uri=f"spotify:track:{track}", offline_timestamp=None)
        for at, track in zip(days, tracks, strict=True)
    ]
    # A play that a poll told of too.
    rows.append({**rows[1], "ts": f"{FIRST_POLL - timedelta(hours=5):%Y-%m-%dT%H:%M:%SZ}"})
    rows.append({**rows[0], "ts": f"{days[0] + timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}", "reason_end": "fwdbtn"})
    nothing = {name: None for name in rows[0] if name.startswith(("master_", "spotify_track"))}
    rows.append(
        {**rows[1], **nothing, "spotify_episode_uri": "spotify:episode:0123456789abcdefghijkl", "episode_name": "One"}
    )
    chosen = world.settings()
    folder = put(world.home / "given", {"Streaming_History_Audio_2026_0.json": as_file(rows)})
    done = import_export(
        world.warehouse, open_lake(chosen), clock_from(chosen), "alex", read(given([folder])[0]), "Europe/Berlin"
    )
    assert not done.refused


def _build(world: World) -> dict[str, NodeResult]:
    """A first build, whose tests read all rows; what came of each test, by its unique id."""
    chosen = world.settings()
    session = BuildSession(world.warehouse, clock_from(chosen), find_project(chosen.home_path))
    results = [*session.audit().results, *session.marts().results]
    session.close()
    return {result.unique_id: result for result in results if result.unique_id.startswith("test.")}
