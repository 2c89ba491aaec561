"""A world whose Dagster runs by itself: the real daemon, code location and runs, and a clock that the test sets."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import dagster as dg

from spotify_assets.automation.under_way import is_under_way
from spotify_assets.packaged import packaged
from spotify_assets_tests.conftest import free_port
from spotify_assets_tests.test_two_at_once import wait_until
from spotify_assets_tests.world import World

STEP = timedelta(minutes=5)
_PLAYS = dg.AssetKey("raw_plays")
_A_LOOK = 0.5
"""Seconds in which each of the daemon's threads looks at its watch."""
_PATIENCE = 600.0
_OTHERWISE = {
    # Every tick is kept for the table at the end.
    "skipped: 2\n": "skipped: 90\n",
    # The processes of runs are not as fast as the daemon's watch.
    "start_timeout_seconds: 180": "start_timeout_seconds: 3600",
    "max_runtime_seconds: 3600": "max_runtime_seconds: 36000",
}


@dataclass(frozen=True)
class ByItself:
    """A world that runs by itself. `now` is what all its clocks say."""

    world: World
    instance: dg.DagsterInstance
    log: Path
    processes: "Sequence[subprocess.Popen[bytes]]"
    began: datetime

    @property
    def now(self) -> datetime:
        return self.world.simulator.world.clock.now()

    def until(self, end: datetime, step: timedelta = STEP, *jobs: str) -> None:
        """Lets time go by in steps that meet the ticks of `listening`; while a run is under way it goes on slowly.

        `jobs` are the only ones that it waits for, if any are given.
        """
        while self.now < end:
            since = self.now - datetime.min.replace(minute=7, tzinfo=UTC)
            self.world.at(min(self.now + step - since % step, end))
            self.wait_for(self.is_up_to_date)
            time.sleep(_A_LOOK)
            self.settle(*jobs)

    def is_up_to_date(self) -> bool:
        """Whether the daemon has evaluated the last tick of `listening` that was due."""
        due = self.now.replace(minute=37 if self.now.minute >= 37 else 7, second=0, microsecond=0)
        due -= timedelta(minutes=30) if due > self.now else timedelta()
        at, status, _ = self._last_tick()
        return due <= self.began or (at >= due.timestamp() and status != "STARTED")

    def _last_tick(self) -> tuple[float, str, str | None]:
        """Of the schedule of `listening`: when it was due (Unix seconds), how it ended, and why it skipped."""
        for state in self.instance.all_instigator_state():
            if state.instigator_name == "listening_every_30_minutes":
                for tick in self.instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1):
                    return tick.timestamp, tick.status.value, tick.skip_reason
        return 0.0, "", None

    def settle(self, *jobs: str) -> None:
        """Waits until no run is under way, of these jobs or of any."""
        self.wait_for(lambda: not any(is_under_way(self.instance, job) for job in jobs or (None,)))

    def wait_for(self, what: Callable[[], bool]) -> None:
        """Waits for something to happen; meanwhile the clock goes four times as fast as the real one."""
        until = time.monotonic() + _PATIENCE
        while not what():
            assert all(process.poll() is None for process in self.processes), f"one ended: {self.log.read_text()}"
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.25)
            self.world.at(self.now + timedelta(seconds=1))

    def tick(self) -> str:
        """Goes on to the next tick of `listening` and a bit; says what its run said, or why there was none."""
        before = {run.run_id for run in self.runs()}
        self.until(self.next_tick())
        told = [self.said(run) for run in self.runs() if run.run_id not in before and run.job_name == "listening"]
        return told[-1] if told else f"Skipped: {self._last_tick()[2]}"

    def next_tick(self) -> datetime:
        """When the next tick of `listening` is due."""
        minute = 7 if self.now.minute < 7 or self.now.minute >= 37 else 37
        return (self.now + timedelta(minutes=(minute - self.now.minute) % 60)).replace(second=0, microsecond=0)

    def said(self, run: dg.DagsterRun) -> str:
        """What a run of `listening` said: of its plays, or why it failed."""
        for entry in self.instance.all_logs(run.run_id):
            event = entry.dagster_event
            if event is None:
                continue
            if event.is_step_failure:
                data = event.step_failure_data.user_failure_data
                return f"Failed: {data.description if data else event.step_failure_data.error}"
            if event.event_type == dg.DagsterEventType.RUN_FAILURE:
                # Of a process that was killed there is no more than a message.
                error = event.job_failure_data.error if event.event_specific_data else None
                return f"Failed: {error or event.message}"
            if event.event_type == dg.DagsterEventType.ASSET_MATERIALIZATION and event.asset_key == _PLAYS:
                return str(event.step_materialization_data.materialization.metadata["what_happened"].value)
        return "Nothing was said."

    def runs(self) -> list[dg.DagsterRun]:
        """All runs, the oldest first."""
        return [record.dagster_run for record in self.instance.get_run_records(ascending=True)]

    def outcomes(self) -> Counter[tuple[str, str]]:
        """How many runs of each job ended how."""
        return Counter((run.job_name, run.status.value) for run in self.runs())

    def ticks(self) -> list[tuple[str, int, int, int, Counter[str]]]:
        """For each schedule and sensor: its name, ticks, runs, failed ticks, and why it skipped or failed how often."""
        found = []
        for state in self.instance.all_instigator_state():
            ticks = self.instance.get_ticks(state.instigator_origin_id, state.selector_id)
            failed = sum(tick.is_failure for tick in ticks)
            skips = Counter(str(tick.skip_reason) for tick in ticks if tick.status.value == "SKIPPED")
            skips += Counter(f"failed: {tick.error.message.strip()}" for tick in ticks if tick.error)
            found.append((state.instigator_name, len(ticks), sum(len(tick.run_ids) for tick in ticks), failed, skips))
        return sorted(found)

    def reasons(self, name: str) -> Counter[str]:
        """Why this schedule or sensor skipped, and how often."""
        return next((skips for each, _, _, _, skips in self.ticks() if each == name), Counter())


@contextmanager
def by_itself(
    world: World,
    module: str = "spotify_assets.definitions",
    shipped: str | None = None,
    beside: Sequence[Sequence[str]] = (),
) -> Iterator[ByItself]:
    """Starts code server and daemon with the shipped definitions and a shipped configuration: this machine's, if none
    is given. Starts other programs `beside` them.
    """
    world.settings()
    home = Path(world.environment["DAGSTER_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    shipped = shipped or packaged("dagster.yaml").read_text()
    for ours, here in _OTHERWISE.items():
        assert ours in shipped
        shipped = shipped.replace(ours, here)
    (home / "dagster.yaml").write_text(shipped)
    port = free_port()
    (home / "workspace.yaml").write_text(
        f"load_from: [{{grpc_server: {{host: 127.0.0.1, port: {port}, location_name: spotify_assets.definitions}}}}]"
    )
    log = home / "daemon.log"
    python = [sys.executable, "-m"]
    code = [*python, "dagster", "api", "grpc", "-m", module, "--host", "127.0.0.1", "--port", str(port)]
    watch = [*python, "spotify_assets_tests.fast_daemon", world.simulator.clock_url, "run", "-w", "workspace.yaml"]
    with dg.DagsterInstance.get() as instance, ExitStack() as stack, log.open("wb") as output:
        processes = [stack.enter_context(_process(world, each, home, output)) for each in (code, *beside)]
        wait_until(lambda: _answers(port), 120)
        processes.append(stack.enter_context(_process(world, watch, home, output)))
        made = ByItself(world, instance, log, processes, world.simulator.world.clock.now())
        made.wait_for(lambda: len(made.ticks()) > 0)
        yield made


@contextmanager
def _process(world: World, words: Sequence[str], folder: Path, output: BinaryIO) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(
        words,
        cwd=folder,
        env={"PYTHONPATH": os.environ.get("PYTHONPATH", "")} | world.environment_of_a_process(),
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def table_of_ticks(made: ByItself) -> Sequence[Sequence[object]]:
    """What ran and why not: a line for each schedule and sensor, and one below for each reason to skip."""
    lines: list[Sequence[object]] = []
    for name, ticks, runs, failed, skips in made.ticks():
        lines.append((name, ticks, runs, failed, sum(skips.values()) - failed, ""))
        lines.extend(("", "", "", "", count, reason) for reason, count in skips.most_common(8))
    return lines
