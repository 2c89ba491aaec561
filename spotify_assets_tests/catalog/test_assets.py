"""The assets `track_metadata` and `artist_metadata` as a person materializes them: what they say, check and refuse."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from spotify_assets import asking
from spotify_assets.catalog import enrichment, genres
from spotify_assets.catalog.landed import LoadedThings, load_things
from spotify_assets.cli.runs import run_job
from spotify_assets.clock import clock_from
from spotify_assets.errors import UserError
from spotify_assets.fetched import ASKED_ON_TAG
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.storage.lake import Lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.catalog.test_enrichment import calls, enrich_all, installation, named, some_tracks
from spotify_assets_tests.ticks import fault, no_faults
from spotify_assets_tests.world import World, snapshot

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
REFUSED = "Active premium subscription required for the owner of the app."
Checks = dict[str, dg.AssetCheckEvaluation]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path) -> Iterator[World]:
    """An export names three tracks of three artists; nobody waits between calls."""
    monkeypatch.setattr(genres, "BETWEEN_CALLS", 0.0)
    monkeypatch.setattr(asking.Asker, "_rest", lambda _asker, _seconds: None)
    config = SimulatorConfig(at=NOW, plays_a_day=0, musicbrainz_hit_rate=1.0)
    with installation(monkeypatch, warehouse, tmp_path / "home", config) as made:
        named(made, tmp_path, dict.fromkeys(some_tracks(made, 3), 1))
        yield made


def materialize(world: World, asset: str, day: date | None = None) -> tuple[dict[str, object], Checks]:
    """Materializes one of them for a day, by default today; returns its metadata and its checks."""
    chosen = world.settings()
    today = clock_from(chosen).now().date()
    tags = {ASKED_ON_TAG: today.isoformat()}
    result = run_job("enrichment", chosen, partition=(day or today).isoformat(), tags=tags, only=[asset])
    [event] = result.asset_materializations_for_node(asset)
    return (
        {name: value.value for name, value in event.metadata.items()},
        {check.check_name: check for check in result.get_asset_check_evaluations()},
    )


def test_a_refusal_fails_the_run_unless_it_got_something_whatever_earlier_runs_had_left(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(at: Warehouse, lake: Lake, keys: Sequence[str]) -> LoadedThings:
        if keys:
            raise UserError("killed")
        return load_things(at, lake, keys)

    # A run lands its answers, and dies.
    monkeypatch.setattr(enrichment, "load_things", dies)
    with pytest.raises(UserError, match="killed"):
        materialize(world, "track_metadata")
    monkeypatch.setattr(enrichment, "load_things", load_things)
    named(world, world.home, dict.fromkeys(some_tracks(world, 5), 1))
    fault(world, path="/v1/tracks/*", status=403, body=REFUSED)
    with pytest.raises(UserError, match="no active Premium subscription"):
        materialize(world, "track_metadata")
    # What the first run had left is loaded all the same.
    assert world.rows("select count(*) from raw.tracks") == [(3,)]

    no_faults(world)
    first, second = sorted(set(some_tracks(world, 5)) - set(some_tracks(world, 3)))
    fault(world, path=f"/v1/tracks/{second}", status=403, body=REFUSED)
    metadata, checks = materialize(world, "track_metadata")
    assert "no active Premium subscription" in str(metadata["what_happened"])
    assert not checks["spotify_answered"].passed
    assert checks["spotify_answered"].severity == dg.AssetCheckSeverity.WARN
    assert "no active Premium subscription" in str(checks["spotify_answered"].description)
    assert world.rows("select count(*) from raw.tracks where track_id = %s", (first,)) == [(1,)]


def test_when_spotify_refuses_musicbrainz_is_asked_all_the_same(world: World) -> None:
    materialize(world, "track_metadata")
    fault(world, path="/v1/artists*", status=403, body=REFUSED)
    with pytest.raises(UserError, match=r"no active Premium subscription.* MusicBrainz answered 3 times"):
        materialize(world, "artist_metadata")
    assert world.rows("select count(*) > 0 from raw.artist_genres") == [(True,)]


@pytest.mark.parametrize(("status", "said"), [(403, "refused /genre/all (HTTP 403)"), (503, "(HTTP 503, 6 tries)")])
def test_when_musicbrainz_fails_a_check_warns_and_artists_are_described(world: World, status: int, said: str) -> None:
    materialize(world, "track_metadata")
    fault(world, path="/musicbrainz/*", status=status, body={"error": "no"})
    metadata, checks = materialize(world, "artist_metadata")
    assert metadata["artists_waiting"] == 0
    assert not checks["musicbrainz_answered"].passed
    assert said in str(checks["musicbrainz_answered"].description)
    assert checks["spotify_answered"].passed
    no_faults(world)
    _, checks = materialize(world, "artist_metadata")
    assert checks["musicbrainz_answered"].passed


@pytest.mark.soak
def test_a_past_day_is_loaded_again_and_a_whole_replay_gives_the_same_rows(world: World) -> None:
    """After enrichment and genres on two days: raw and marts, from the lake alone."""
    first, *_ = some_tracks(world, 6)
    metadata, _ = materialize(world, "track_metadata")
    assert metadata["most_played"] == "No play has been modelled yet."
    materialize(world, "artist_metadata")
    world.at(NOW + timedelta(days=1))
    named(world, world.home, dict.fromkeys(some_tracks(world, 6), 1) | {first: 3})
    enrich_all(world)
    world.build()
    metadata, _ = materialize(world, "artist_metadata")
    assert "| genre |" in str(metadata["most_frequent_genres"])
    world.build()
    before = snapshot(world.warehouse)
    calls(world)

    with world.warehouse.connect() as connection:
        connection.execute("delete from raw.tracks")
        connection.execute("delete from raw.artists")
        connection.execute("delete from raw.musicbrainz_tags")
        connection.execute("delete from ops.genre_answers")
    for asset in ("track_metadata", "artist_metadata"):
        metadata, checks = materialize(world, asset, NOW.date())
        if asset == "track_metadata":
            [(name, plays)] = world.rows(
                "select name, plays from raw.tracks inner join marts.track_periods on track_key = track_id "
                "where track_id = %s and period_kind = 'all_time'",
                (first,),
            )
            newest = str(metadata["most_played"]).splitlines()[2]
            assert newest.startswith(f"| {name} |")
            assert newest.endswith(f"| {plays} |")
        assert "answers" in str(metadata["what_happened"])
        nobody_called = "Nobody was called: the lake was loaded again."
        assert nobody_called in {str(check.description) for check in checks.values()}
    assert world.rows("select count(*) from raw.tracks") == [(3,)]
    assert calls(world) == []

    world.replay()
    assert calls(world) == []
    assert snapshot(world.warehouse) == before
