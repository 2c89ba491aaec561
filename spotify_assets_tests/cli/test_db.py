"""`spotify-assets db`: what a person sees."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spotify_assets.cli import app
from spotify_assets.storage.embedded import EmbeddedPostgres


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "home"
    EmbeddedPostgres(tmp_path / "home").destroy()


def db(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from spotify_assets.cli import main; main()", "db", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **variables},
    )


def test_the_server_s_whole_life_from_the_command_line(home: Path) -> None:
    variables = {"SPOTIFY_ASSETS_HOME": str(home)}

    started = db("start", **variables)
    assert (started.returncode, started.stderr) == (0, "")
    assert started.stdout.startswith("Postgres at 127.0.0.1:")
    assert started.stdout.count("\n") == 1
    assert "://" not in started.stdout
    assert db("url", **variables).stdout.strip() == EmbeddedPostgres(home).dsn()
    selected = db("psql", "-At", "-c", "select count(*) from raw.plays", **variables)
    assert (selected.stdout, selected.stderr) == ("0\n", "")
    assert db("stop", **variables).stdout == f"The embedded Postgres of {home} has stopped.\n"
    assert db("stop", **variables).stdout == f"The embedded Postgres of {home} was not running.\n"


def test_the_password_is_in_no_argument_of_psql(postgres_server: EmbeddedPostgres) -> None:
    password = postgres_server.dsn().split(":")[2].split("@")[0]
    shown = db("psql", "-At", "-c", r"\! tr '\0' ' ' < /proc/$PPID/cmdline", DATABASE_URL=postgres_server.dsn())

    assert "dbname=spotify" in shown.stdout
    assert password not in shown.stdout


def test_a_database_of_one_s_own_is_neither_started_nor_stopped(postgres_server: EmbeddedPostgres) -> None:
    for command in ("start", "stop"):
        done = db(command, DATABASE_URL=postgres_server.dsn())
        assert (done.returncode, done.stdout.count("\n")) == (0, 1)
        assert f"nothing to {command}" in done.stdout
    assert postgres_server.is_running()


def test_a_home_that_can_t_be_used_is_one_line_and_exit_1(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = db("start", SPOTIFY_ASSETS_HOME=str(tmp_path / "file"))

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "SPOTIFY_ASSETS_HOME" in done.stderr


@pytest.mark.parametrize("command", ["start", "stop", "url", "psql"])
def test_every_command_s_help_has_an_example(command: str) -> None:
    assert f"spotify-assets db {command}" in CliRunner().invoke(app, ["db", command, "--help"]).stdout
