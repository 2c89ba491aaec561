"""The simulator as a process of its own, as the demo runs it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from spotify_assets.simulator.__main__ import read_arguments


@contextmanager
def _process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    command = [sys.executable, "-m", "spotify_assets.simulator", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def test_a_process_prints_its_address_keeps_its_clock_and_stops_when_told() -> None:
    with _process("--at", "2026-11-21T12:00:00", "--seed", "3", "--listeners", "2") as (process, url):
        assert requests.get(f"{url}/_sim/clock", timeout=10).json() == {"now": "2026-11-21T12:00:00+00:00"}
        listeners = requests.get(f"{url}/_sim/listeners", timeout=10).json()["listeners"]
        assert [each["user"] for each in listeners] == ["alex", "bo"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 0


def test_a_history_from_before_there_was_music_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_arguments(["--history-start", "2018-05-31"])
    assert "only from 2018-06-01 on does every artist have an album out" in capsys.readouterr().err
    read_arguments(["--history-start", "2018-06-01"])


def test_the_simulator_starts_without_dagster() -> None:
    code = "import sys, spotify_assets.simulator.server; sys.exit('dagster' in sys.modules or 'pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
