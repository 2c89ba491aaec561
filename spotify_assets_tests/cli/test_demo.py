"""The first thing that anybody runs."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from spotify_assets.storage.embedded import EmbeddedPostgres


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home whose embedded Postgres is gone afterwards."""
    yield tmp_path / "home"
    EmbeddedPostgres(tmp_path / "home").destroy()


def demo(home: Path) -> str:
    plain = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    done = subprocess.run(
        [sys.executable, "-m", "spotify_assets.cli", "demo"],
        env={**plain, "SPOTIFY_ASSETS_HOME": str(home), "COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout


def test_the_demo_fills_the_warehouse_and_adds_only_what_is_new(home: Path) -> None:
    first, again = demo(home), demo(home)

    plays, new = map(int, re.findall(r"(\d+) plays, (\d+) of them new", first)[0])
    assert plays == new > 200
    plays_again, new_again = map(int, re.findall(r"(\d+) plays, (\d+) of them new", again)[0])
    assert plays_again == plays + new_again
    assert new_again < 10, "a minute later, hardly anything is new"
    for shown in ("Top artists", "Top tracks", "hours", "make dev", "Connect your Spotify"):
        assert shown in first
