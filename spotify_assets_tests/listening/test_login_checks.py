"""The check `logins_last` warns 30 and 7 days before a login ends, and fails on its last day."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest

from spotify_assets.clock import clock_from
from spotify_assets.listening.login_checks import logins_last, verdict
from spotify_assets.settings import settings
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.lasting import Login, logins
from spotify_assets.spotify.stored import Status, login_ends
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.world import World

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


def login(user_id: str, ends_in: timedelta, *, is_guess: bool = False, status: Status = "connected") -> Login:
    return Login(user_id, status, NOW + ends_in, is_guess, None, None)


@pytest.mark.parametrize(
    ("ends_in", "stage", "severity"),
    [
        (60 * DAY, None, WARN),
        (30 * DAY + SECOND, None, WARN),
        (30 * DAY, "30 days", WARN),
        (7 * DAY + SECOND, "30 days", WARN),
        (7 * DAY, "7 days", WARN),
        (DAY + SECOND, "7 days", WARN),
        (DAY, "1 day", ERROR),
        (-SECOND, "1 day", ERROR),
        (-60 * DAY, "1 day", ERROR),
    ],
)
def test_the_stages_of_a_login(ends_in: timedelta, stage: str | None, severity: dg.AssetCheckSeverity) -> None:
    found = verdict([login("alex", ends_in), login("bo", 100 * DAY)], NOW)
    assert (found.stage, found.passed) == (stage, stage is None)
    if stage:
        assert found.severity == severity
        assert "`spotify-assets login alex`" in found.says
        assert "bo" not in found.says


def test_each_that_ends_soon_is_named_with_its_date_the_nearest_first() -> None:
    logins = [login("alex", 20 * DAY), login("bo", 3 * DAY, is_guess=True), login("chris", -DAY)]
    assert verdict(logins, NOW).says == (
        "A login ends within a day or has ended, and nothing is polled after it: "
        "chris, on 2026-05-31 12:00 UTC (over): run `spotify-assets login chris`; "
        "bo, on 2026-06-04 12:00 UTC at the latest: run `spotify-assets login bo`; "
        "alex, on 2026-06-21 12:00 UTC: run `spotify-assets login alex`. Logging in again keeps everything."
    )
    assert verdict(logins[:2], NOW).says.startswith("A login ends within 7 days: bo, on")
    assert verdict(logins[:1], NOW).says.startswith("A login ends within 30 days: alex, on")


def test_who_has_to_log_in_again_is_not_named_here() -> None:
    assert verdict([login("alex", -DAY, status="needs_login")], NOW).says == "Nobody is connected."
    found = verdict([login("alex", -DAY, status="needs_login"), login("bo", 40 * DAY, is_guess=True)], NOW)
    assert found.passed
    assert found.says == (
        "No login ends within 30 days; the first to end is that of bo, on 2026-07-11 12:00 UTC at the latest."
    )


def test_the_check_reads_the_stored_logins_by_the_one_clock(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    with SimulatorServer(SimulatorConfig(at=NOW, listeners=("alex", "bo"))) as simulator:
        world = World.make(monkeypatch, warehouse, simulator, tmp_path)
        world.login("alex")
        world.at(NOW + 40 * DAY)
        world.login("bo")
        with warehouse.connect() as connection:
            connection.execute("update ops.tokens set consent_is_known = false where user_id = 'bo'")
        clock = clock_from(settings())
        spotify = SpotifyAccess.open(settings(), warehouse, clock)
        seen = []
        for ends_in in (40, 30, 7, 1, -1):
            world.at(login_ends(NOW) - ends_in * DAY)
            result = logins_last()(warehouse=warehouse, spotify=spotify, clock=clock)
            assert isinstance(result, dg.AssetCheckResult)
            stage = result.metadata["stage"].value if result.metadata else None
            seen.append((result.passed, result.severity, stage))
            assert result.passed or "alex, on 2026-12-01 12:00 UTC" in str(result.description)
        with warehouse.connect() as connection:
            known = {login.user_id: (login.is_guess, login.ends_at) for login in logins(connection, simulator.api_url)}
        assert known == {"alex": (False, login_ends(NOW)), "bo": (True, login_ends(NOW + 40 * DAY))}
    assert seen == [
        (True, WARN, None),
        (False, WARN, "30 days"),
        (False, WARN, "7 days"),
        (False, ERROR, "1 day"),
        (False, ERROR, "1 day"),
    ]
