"""`spotify-assets doctor` as a person and as a program see it: lines, colours, JSON, exit codes, and no secret."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spotify_assets import settings as settings_module
from spotify_assets.cli import app
from spotify_assets.cli.doctor import lines
from spotify_assets.health.findings import Finding
from spotify_assets_tests.conftest import free_port
from spotify_assets_tests.health.conftest import Worlds

GREEN = Finding("lake", "green", "works")
YELLOW = Finding("heartbeat", "yellow", "none", "set one")


def test_a_line_is_colour_name_what_was_found_and_the_remedy() -> None:
    plain = [
        line.replace("\x1b[32m", "").replace("\x1b[33m", "").replace("\x1b[0m", "") for line in lines([GREEN, YELLOW])
    ]
    assert plain == ["green   lake       works", "yellow  heartbeat  none → set one"]


def test_the_command_says_line_by_line_what_works_and_exits_0(new_world: Worlds) -> None:
    done = new_world().command("doctor")

    assert (done.returncode, done.stderr) == (0, "")
    told = done.stdout.splitlines()
    assert [line.split()[0] for line in told] == ["green"] * 10 + ["yellow"]
    assert "no daemon ever ran" in told[-1]
    assert "canary" not in done.stdout
    assert "\x1b" not in done.stdout


def test_the_command_gives_json_to_a_program_and_exits_1_where_something_is_red(new_world: Worlds) -> None:
    done = new_world().command("doctor", "--json", DATABASE_URL=f"postgresql://a:canary@127.0.0.1:{free_port()}/b")

    assert (done.returncode, done.stderr) == (1, "")
    found = json.loads(done.stdout)
    assert all(set(finding) == {"name", "status", "says", "remedy"} for finding in found)
    assert [finding["name"] for finding in found if finding["status"] == "red"] == ["Postgres"]
    assert "canary" not in done.stdout


@pytest.mark.parametrize("name", ["SLACK_WEBHOOK_URL", "HEARTBEAT_URL"])
@pytest.mark.parametrize(
    "value", ["canary", "http://example.com/canary", "https://[canary/x", "https://canary\u2100/x"]
)
def test_a_wrong_setting_is_a_red_line_without_its_secret(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    settings_module.settings.cache_clear()

    done = CliRunner().invoke(app, ["doctor"])

    assert done.exit_code == 1
    assert (
        done.stdout == f"red     settings  {name} can't be used: it should be an address that begins with https://.\n"
    )


def test_a_history_that_can_t_be_kept_is_red(new_world: Worlds, tmp_path: Path) -> None:
    world = new_world()
    (tmp_path / "file").touch()

    done = world.command("doctor", DAGSTER_HOME=str(tmp_path / "file" / "dagster"))

    assert done.returncode == 1
    [red] = [line for line in done.stdout.splitlines() if line.startswith("red")]
    assert "Dagster's history can't be kept" in red
