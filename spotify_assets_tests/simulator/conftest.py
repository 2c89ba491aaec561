"""Simulators for the tests: each one a real server on this machine."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets_tests.openapi import REAL_DATA

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

Start = Callable[..., SimulatorServer]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts simulators with the given configuration, at noon of a fixed day unless told otherwise."""
    with ExitStack() as stack:

        def _start(**config: Any) -> SimulatorServer:
            return stack.enter_context(SimulatorServer(SimulatorConfig(**{"at": NOON, **config})))

        yield _start


@pytest.fixture
def server(start: Start) -> SimulatorServer:
    """A simulator with all defaults: one listener, new Development Mode, a clock that stands."""
    return start()


@pytest.fixture
def real_data() -> Path:
    """The real inputs beside the project; a test that needs them is skipped where they are missing."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"the real inputs are not at {REAL_DATA}")
    return REAL_DATA
