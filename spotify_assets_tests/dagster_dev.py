"""`dagster dev` as a person starts it: webserver, daemon and code server, in a process group of their own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import requests

from spotify_assets_tests.conftest import free_port


@contextmanager
def dagster_dev(folder: Path, environment: Mapping[str, str], log: Path) -> Iterator[str]:
    """Runs it in `folder` with this environment and no other, and gives its address once it answers.

    What it prints goes to `log`.
    """
    port = free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster", "dev", "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            until = time.monotonic() + 120
            while not _answers(address):
                assert process.poll() is None, f"dagster dev ended: {log.read_text()}"
                assert time.monotonic() < until, f"dagster dev does not answer: {log.read_text()}"
                time.sleep(0.1)
            yield address
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _answers(address: str) -> bool:
    try:
        return requests.get(f"{address}/server_info", timeout=5).ok
    except requests.ConnectionError:
        return False
