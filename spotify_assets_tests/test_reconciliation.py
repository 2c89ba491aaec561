"""A listener is polled for weeks, with outages, and exported after: every true stream is there once, and the holes
that were made are the holes that are found. The labels are the simulator's own."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
import requests

from spotify_assets.simulator.catalogue import Track
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.simulator.shapes import local_uri
from spotify_assets.simulator.streams import Stream
from spotify_assets.simulator.timekeeping import to_ms
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.sizes import size
from spotify_assets_tests.test_month import show
from spotify_assets_tests.world import World

START = datetime(2026, 3, 20, tzinfo=UTC)  # a clock change in Berlin lies nine days ahead
DAYS = size(6, 61)
STEP = timedelta(hours=size(2, 1))
# Days from the start on which nobody polls: each long enough for more than 50 plays, and one that is not.
OUTAGES = size([(2.0, 4.0)], [(5.0, 7.5), (20.25, 20.5), (30.0, 33.0), (51.0, 52.5)])


@pytest.fixture(scope="module")
def simulator() -> SimulatorServer:
    return SimulatorServer(
        SimulatorConfig(
            at=START, history_start=START.date(), plays_a_day=120, local_files=0.01, tier="new_dev", late_plays=0.06
        )
    )


def _true_streams(world: World, until: datetime) -> list[Stream]:
    return world.simulator.world.listeners["alex"].streams(0, to_ms(until) + 1)


def _uri(world: World, track: Track, kind: str) -> str:
    catalogue = world.simulator.world.catalogue
    if kind == "track":
        return f"spotify:track:{track.id}"
    album = catalogue.album(track.artist, track.album, track.version)
    return local_uri(catalogue.artist_name(track.artist), album.name, track)


def _export_uri(world: World, stream: Stream) -> str:
    if stream.episode:
        return f"spotify:episode:{stream.episode.id}"
    assert stream.export_track
    return _uri(world, stream.export_track, stream.kind)


def _api_key(world: World, stream: Stream) -> str:
    """What raw.plays calls the track."""
    return _uri(world, stream.track, stream.kind).removeprefix("spotify:track:") if stream.track else ""


def test_every_true_stream_is_there_once_and_the_holes_are_those_that_were_made(
    monkeypatch: pytest.MonkeyPatch,
    new_warehouse: Callable[[], Warehouse],
    simulator: SimulatorServer,
    tmp_path: Path,
) -> None:
    with simulator:
        world = World.make(monkeypatch, new_warehouse(), simulator, tmp_path / "home")
        world.login("alex")
        now = START + timedelta(days=1)  # so that the first page has something
        end = START + timedelta(days=DAYS)
        polls: list[tuple[datetime, datetime]] = []
        while now <= end:
            day = (now - START) / timedelta(days=1)
            simulator.world.clock.set(now)
            if not any(first <= day < last for first, last in OUTAGES):
                page = simulator.world.players["alex"].page(
                    {"limit": 50}, to_ms(now), simulator.world.shapes, simulator.world.config.tier, "http://x"
                )
                times = [datetime.fromisoformat(item["played_at"]) for item in page["items"]]  # type: ignore[attr-defined]
                polls.append((min(times), now))
                assert not world.tick_without_dagster(build=False).failures
            now += STEP
        world.build()
        stored = {
            (to_ms(at), str(track))
            for at, track in world.rows("select played_at, track_id from raw.plays")
            if isinstance(at, datetime)
        }
        truth = _true_streams(world, simulator.world.clock.now())

        def is_polled(stream: Stream) -> bool:
            return (stream.played_at_ms, _api_key(world, stream)) in stored

        # The holes, by a count that knows nothing of spans: no page from after reaches back to the poll before.
        made = [(before, oldest) for (_, before), (oldest, _) in pairwise(polls) if oldest > before]
        holes = world.rows("select starts_at, ends_at from marts.coverage where not is_covered order by 1")
        assert holes == made
        assert len(made) == sum(last - first > 1 for first, last in OUTAGES)
        shown = [s for s in truth if s.visible_at_ms and s.visible_at_ms <= to_ms(polls[-1][1])]
        for first, last in made:
            lost = [s for s in shown if first < _at(s.played_at_ms) < last and not is_polled(s)]
            assert lost, "a hole lacks plays"
        # Between holes only such plays are lacking as the next poll could not see yet.
        for stream in shown:
            at = _at(stream.played_at_ms)
            if at >= polls[0][0] and not is_polled(stream) and not any(a < at < b for a, b in made):
                next_poll = min(asked for _, asked in polls if asked >= at)
                assert stream.visible_at_ms
                assert _at(stream.visible_at_ms) > next_poll

        export = tmp_path / "my_spotify_data.zip"
        export.write_bytes(requests.get(f"{simulator.url}/_sim/export", timeout=120).content)
        done = world.command("import", "alex", str(export))
        assert done.returncode == 0, done.stderr
        assert world.rows("select * from marts.coverage where not is_covered") == []

        expected = sorted(
            (s.played_at_ms, f"spotify:track:{_api_key(world, s)}".replace("track:spotify:", ""), s.ms_played)
            if is_polled(s)
            else (s.export_ts * 1000, _export_uri(world, s), s.ms_played)
            for s in truth
        )
        found = sorted(
            (to_ms(at), str(uri), ms)
            for at, uri, ms in world.rows(
                "select played_at, content_uri, ms_played from marts.fct_plays where source <> 'api'"
            )
            if isinstance(at, datetime) and isinstance(ms, int)
        )
        labelled = {
            (s.played_at_ms, _api_key(world, s), s.export_ts, _export_uri(world, s), s.ms_played)
            for s in truth
            if is_polled(s)
        }
        matched = {
            (to_ms(played_at), str(track), to_ms(ended_at) // 1000, str(content), ms)
            for played_at, track, ended_at, content, ms in world.rows(
                "select played_at, track_key, ended_at, content_key, ms_played from intermediate.int_matches"
            )
            if isinstance(played_at, datetime) and isinstance(ended_at, datetime)
        }
        right = len(labelled & matched)
        rungs = world.rows("select rung, count(*) from intermediate.int_matches group by 1 order by 1")
        show(
            f"{DAYS} days polled every {STEP}, then exported",
            ["true streams", "polled", "matched", "precision", "recall", "by rung", "holes"],
            [
                [
                    len(truth), len(labelled), len(matched), f"{right / len(matched):.4f}",
                    f"{right / len(labelled):.4f}", dict(rungs), len(made),  # type: ignore[arg-type]
                ]
            ],
        )  # fmt: skip
        assert len(labelled) > DAYS * 20
        assert dict(rungs).keys() > {1}, "relinked ids are among them"  # type: ignore[arg-type]
        assert matched == labelled
        assert world.rows("select count(*) from marts.fct_plays where source = 'api'") == [(0,)]
        assert found == expected


def _at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
