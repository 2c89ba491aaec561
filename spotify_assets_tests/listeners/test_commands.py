"""`spotify-assets listeners list|set|rename|remove`, as a person uses them."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from spotify_assets.clock import clock_from
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.outcomes import LoginRefused
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.listeners.leaving import Said, command
from spotify_assets_tests.world import World, snapshot

START = datetime(2026, 8, 31, 6, tzinfo=UTC)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path) -> Iterator[World]:
    with SimulatorServer(SimulatorConfig(at=START, listeners=("alex", "wanda", "zed"))) as simulator:
        yield World.make(monkeypatch, warehouse, simulator, tmp_path)


def sentence(said: Said) -> str:
    """What a command that failed says: one line."""
    assert said.code == 1
    assert "\n" not in said.text.strip()
    return said.text


def test_the_list_says_who_is_connected_and_until_when(world: World) -> None:
    assert "Nobody is connected" in command(world, "listeners").text
    world.login("alex")
    world.login("wanda-w", "wanda")
    world.tick_without_dagster(build=False)
    [(newest,)] = world.rows("select max(played_at) from raw.plays where user_id = 'alex'")
    assert isinstance(newest, datetime)
    reason = "the token was refused, which happens when access is taken back at Spotify's own page " * 2
    with world.warehouse.connect() as connection:
        connection.execute("update ops.listeners set polled_at = %s where user_id = 'alex'", (START,))
        connection.execute(
            "update ops.listeners set status = 'needs_login', status_reason = %s where user_id = 'wanda-w'", (reason,)
        )
        connection.execute("update ops.tokens set consent_is_known = false where user_id = 'wanda-w'")
        connection.execute(
            "insert into ops.listeners (user_id, api_url, status, connected_at) "
            "values ('elsewhere', 'https://api.spotify.com/v1', 'connected', '2026-01-01Z')"
        )
    assert command(world, "listeners", "set", "alex", "--time-zone", "Asia/Tokyo", "--from", "2026-05-02").code == 0

    said = command(world, "listeners").text

    lines = {line.split("│")[1].strip(): line for line in said.splitlines() if line.startswith("│")}
    assert "Europe/Berlin; Asia/Tokyo from 2026-05-02" in lines["alex"]
    assert "2027-02-28 15:00" in lines["alex"], "six calendar months after the consent, in Tokyo"
    assert "at the latest" not in lines["alex"]
    assert "2026-08-31 15:00" in lines["alex"], "the last poll"
    assert f"{newest.astimezone(ZoneInfo('Asia/Tokyo')):%Y-%m-%d %H:%M}" in lines["alex"], "the last play"
    assert "2027-02-28 07:00 at the latest" in lines["wanda-w"]
    assert "needs login" in lines["wanda-w"]
    assert f"wanda-w has to log in again ({reason}): spotify-assets login wanda-w" in said
    assert "connected at another API" in lines["elsewhere"]
    assert "elsewhere is connected at https://api.spotify.com/v1" in said
    assert "Times are those of each listener's own time zone." in said

    alex, elsewhere, wanda = json.loads(command(world, "listeners", "list", "--json").text)
    assert (alex["user_id"], elsewhere["is_here"], wanda["end_is_known"]) == ("alex", False, False)
    assert alex["last_played_at"] == newest.isoformat()
    assert alex["login_ends_at"] == "2027-02-28T06:00:00+00:00"
    assert alex["changes"] == [["2026-05-02", "Asia/Tokyo"]]
    assert "token" not in str(alex)
    assert json.loads(command(world, "listeners", "--json").text) == [alex, elsewhere, wanda]
    assert "--json goes with the list" in sentence(command(world, "listeners", "--json", "remove", "alex"))


def test_a_zone_counts_from_a_date_or_for_the_whole_history(world: World) -> None:
    world.login("alex")
    zones = "select valid_from::text, time_zone from ops.listener_time_zones order by 1"
    for day, zone in (("2026-05-02", "Asia/Tokyo"), ("2026-06-01", "UTC"), ("2026-05-02", "Asia/Seoul")):
        assert command(world, "listeners", "set", "alex", "--time-zone", zone, "--from", day).code == 0
    assert world.rows(zones) == [("2026-05-02", "Asia/Seoul"), ("2026-06-01", "UTC")]
    assert world.rows("select version from ops.raw_version") == [(0,)], "nobody played anything that it could move"

    said = command(world, "listeners", "set", "alex", "--time-zone", "America/New_York")

    assert "replaces 2 dated changes" in said.text
    assert world.rows(zones) == []
    assert world.rows("select time_zone from ops.listeners") == [("America/New_York",)]
    assert "'Mars/Base' is no time zone" in sentence(
        command(world, "listeners", "set", "alex", "--time-zone", "Mars/Base")
    )
    assert sentence(command(world, "listeners", "set", "ada", "--time-zone", "UTC")) == (
        "Nobody is connected as ada; there are: alex."
    )


def test_rename_changes_the_shown_name_only(world: World) -> None:
    world.login("alex")
    before = world.rows("select user_id, account_id, time_zone from ops.listeners")

    assert command(world, "listeners", "rename", "alex", " Zoë [b]L.[/b] ").text == "alex is shown as Zoë [b]L.[/b].\n"

    assert world.rows("select user_id, account_id, time_zone from ops.listeners") == before
    assert world.rows("select display_name from ops.listeners") == [("Zoë [b]L.[/b]",)]
    assert "Zoë [b]L.[/b]" in command(world, "listeners").text
    world.login("alex")
    assert world.rows("select display_name from ops.listeners") == [("Zoë [b]L.[/b]",)], "a new login keeps it"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("rename", "ada", "B\n\x1b[31mred"), "can't be shown"),
        (("rename", "ada", "\udcff"), "can't be shown"),
        (("rename", "ada", "x" * 101), "can't be shown"),
        (("rename", "ada", "  "), "can't be shown"),
        (("set", "ada", "--time-zone", "UTC", "--from", "0001-01-01"), "no day of listening"),
        (("set", "ada", "--time-zone", "UTC", "--from", "9999-12-31"), "no day of listening"),
    ],
)
def test_what_can_not_be_kept_is_refused_in_a_sentence(world: World, words: tuple[str, ...], says: str) -> None:
    said = command(world, "listeners", *words)

    assert (said.code, says in said.text) == (1, True), said.text


def test_who_is_removed_is_not_polled_and_her_history_stays(world: World) -> None:
    world.login("alex")
    world.login("wanda-w", "wanda")
    assert command(world, "listeners", "set", "wanda-w", "--time-zone", "Asia/Tokyo", "--from", "2026-08-01").code == 0
    world.tick_without_dagster()
    before = snapshot(world.warehouse)

    said = command(world, "listeners", "remove", "wanda-w")

    assert "What was landed and loaded stays" in said.text
    assert "remove wanda-w --erase" in said.text
    assert world.rows("select user_id from ops.tokens") == [("alex",)]
    assert [polled.user_id for polled in world.tick_without_dagster().polled] == ["alex"]
    assert "removed, history kept" in command(world, "listeners").text
    assert json.loads(command(world, "listeners", "--json").text)[1]["time_zone"] == "Asia/Tokyo", "the one in force"
    assert snapshot(world.warehouse) == before
    with world.warehouse.connect() as connection:
        connection.execute("delete from ops.builds")  # everything is built anew, on the same dates
    world.build()
    assert snapshot(world.warehouse) == before
    assert "Nobody is connected as wanda-w" in sentence(command(world, "listeners", "remove", "wanda-w"))

    with pytest.raises(LoginRefused, match="belongs to another Spotify account"):
        world.login("wanda-w", "zed")
    world.login("wanda-w", "wanda")
    assert world.rows("select count(*) from ops.unconnected_listeners") == [(0,)]
    world.build()
    assert snapshot(world.warehouse) == before, "she is back, in the zones that she had"


def test_who_was_removed_does_not_come_back_by_the_environments_token(world: World) -> None:
    """The daemon has the token in its environment, though the shell of whoever removes the listener may not."""

    def connected_by_a_tick() -> list[str]:
        chosen = world.settings()
        spotify = SpotifyAccess.open(chosen, world.warehouse, clock_from(chosen))
        return [listener.user_id for listener in spotify.listeners()]

    world.monkeypatch.setenv("SPOTIFY_REFRESH_TOKEN", "canary")
    assert connected_by_a_tick() == ["me"]
    with world.warehouse.connect() as connection:
        connection.execute("update ops.tokens set refresh_token = 'rotated since'")
    world.monkeypatch.delenv("SPOTIFY_REFRESH_TOKEN")
    assert command(world, "listeners", "remove", "me").code == 0
    world.monkeypatch.setenv("SPOTIFY_REFRESH_TOKEN", "canary")
    assert connected_by_a_tick() == []

    world.login("alex")
    world.monkeypatch.setenv("SPOTIFY_REFRESH_TOKEN", "one that no tick has seen")
    assert command(world, "listeners", "remove", "alex").code == 0
    assert connected_by_a_tick() == []
    assert "canary" not in str(snapshot(world.warehouse, "ops"))


def test_nothing_is_erased_unless_the_name_is_typed(world: World) -> None:
    world.login("alex")
    before = snapshot(world.warehouse, "ops")

    assert "Nothing was erased" in command(world, "listeners", "remove", "alex", "--erase", typed="alexa\n").text
    assert command(world, "listeners", "remove", "alex", "--erase", typed="").code == 1
    assert "can't be a listener's name" in sentence(command(world, "listeners", "remove", "../alex", "--erase"))
    assert snapshot(world.warehouse, "ops") == before
