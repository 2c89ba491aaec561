"""Logins over years, in each of Spotify's three tiers: refreshed, rotated, expired, revoked, under changed keys."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
from cryptography.fernet import Fernet

from spotify_assets.clock import clock_from
from spotify_assets.simulator.config import Rotation, SimulatorConfig, Tier
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.stored import login_ends
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.ticks import POLLS, TOKENS, calls, play
from spotify_assets_tests.world import World

START = datetime(2026, 8, 31, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
TIERS: tuple[Tier, ...] = ("new_dev", "legacy_dev", "extended")


@pytest.fixture(params=TIERS)
def world(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> Iterator[World]:
    """An installation whose two listeners, not yet connected, play only what a test gives them."""
    config = SimulatorConfig(at=START, tier=request.param, listeners=("alex", "bo"), plays_a_day=0, short_pages=0)
    with SimulatorServer(config) as simulator:
        yield World.make(monkeypatch, warehouse, simulator, tmp_path / "home")


def log_in(world: World, user_id: str) -> str:
    """By the command, in a process of its own; returns what it printed."""
    done = world.command("login", user_id, "--time-zone", "Europe/Berlin", BROWSER=world.browser(user_id))
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def both_play(world: World, now: datetime) -> None:
    """It becomes `now`, when both listeners have just heard something."""
    world.at(now)
    for user_id in ("alex", "bo"):
        play(world, now, user_id=user_id)
    calls(world)


def poll(world: World) -> dict[str, str]:
    """One tick without the models; returns who failed, with the sentence."""
    done = world.tick_without_dagster(build=False)
    return {polled.user_id: str(polled.failure) for polled in done.failures}


def plays(world: World) -> dict[object, object]:
    """How many plays are stored of whom."""
    return dict(world.rows("select user_id, count(*)::int from raw.plays group by 1"))  # type: ignore[arg-type]


def app_is(world: World, **changes: object) -> None:
    requests.post(f"{world.simulator.url}/_sim/app", json=changes, timeout=10).raise_for_status()


def under_old_key(world: World) -> list[str]:
    chosen = world.settings()
    access = SpotifyAccess.open(chosen, world.warehouse, clock_from(chosen))
    return access.tokens.under_old_key(access.api_url)


def test_a_login_lives_for_six_months_whatever_is_refreshed_and_the_next_one_finds_everything_as_it_was(
    world: World,
) -> None:
    assert "until 28 February 2027" in log_in(world, "alex")
    world.login("bo")
    both_play(world, START + HOUR / 2)
    assert poll(world) == {}
    assert calls(world) == [(POLLS, 200)] * 2

    both_play(world, START + 2 * HOUR)
    assert poll(world) == {}
    assert sorted(calls(world)) == [(TOKENS, 200)] * 2 + [(POLLS, 200)] * 2
    assert plays(world) == {"alex": 2, "bo": 2}

    world.at(datetime(2027, 2, 1, tzinfo=UTC))
    world.login("bo")
    both_play(world, login_ends(START) - HOUR / 2)
    assert poll(world) == {}

    both_play(world, login_ends(START) + HOUR)
    assert poll(world) == {
        "alex": "Spotify no longer accepts the login of listener alex (Refresh token expired): "
        "run `spotify-assets login alex` to log in again; nothing stored is lost."
    }
    assert plays(world) == {"alex": 3, "bo": 4}
    calls(world)
    assert poll(world).keys() == {"alex"}
    assert calls(world, "alex") == []

    log_in(world, "alex")
    assert poll(world) == {}
    assert plays(world) == {"alex": 4, "bo": 4}
    assert world.rows("select user_id, connected_at, time_zone, status_reason from ops.listeners order by 1") == [
        ("alex", START, "Europe/Berlin", None),
        ("bo", START, "Europe/Berlin", None),
    ]


def test_who_takes_the_apps_access_away_is_named_and_the_others_go_on(world: World) -> None:
    world.login("alex")
    world.login("bo")
    both_play(world, START + HOUR / 2)
    requests.post(f"{world.simulator.url}/_sim/revoke", json={"user": "alex"}, timeout=10).raise_for_status()
    assert poll(world) == {
        "alex": "Spotify no longer accepts the login of listener alex (Refresh token revoked): "
        "run `spotify-assets login alex` to log in again; nothing stored is lost."
    }
    world.login("alex")
    assert poll(world) == {}
    assert plays(world) == {"alex": 1, "bo": 1}


@pytest.mark.parametrize("rotation", ["none", "single_use", "sometimes"])
def test_logins_outlive_every_kind_of_rotation(world: World, rotation: Rotation) -> None:
    app_is(world, rotation=rotation)
    world.login("alex")
    world.login("bo")
    before = set(world.simulator.world.book.refresh)
    for turn in range(1, 6):
        both_play(world, START + turn * 2 * HOUR)
        assert poll(world) == {}
        assert sorted(calls(world)) == [(TOKENS, 200)] * 2 + [(POLLS, 200)] * 2
    assert plays(world) == {"alex": 5, "bo": 5}
    given = len(set(world.simulator.world.book.refresh) - before)
    assert given == {"none": 0, "single_use": 10, "sometimes": 4}[rotation]


@pytest.mark.parametrize("rotation", ["none", "single_use"])
def test_after_one_refresh_of_each_listener_the_old_key_may_go(world: World, rotation: Rotation) -> None:
    app_is(world, rotation=rotation)
    old, new = world.environment["TOKEN_ENCRYPTION_KEY"], Fernet.generate_key().decode()
    world.login("alex")
    world.login("bo")
    both = replace(world, environment={**world.environment, "TOKEN_ENCRYPTION_KEY": f"{new},{old}"})
    only_new = replace(world, environment={**world.environment, "TOKEN_ENCRYPTION_KEY": new})
    assert under_old_key(world) == []
    assert under_old_key(both) == ["alex", "bo"]
    both_play(both, START + 2 * HOUR)
    assert poll(both) == {}
    assert under_old_key(both) == []
    both_play(only_new, START + 4 * HOUR)
    assert poll(only_new) == {}
    assert plays(world) == {"alex": 2, "bo": 2}
    assert "restore the key that wrote it" in poll(world)["alex"]
