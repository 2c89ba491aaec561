"""What Dagster costs a tick: from the daemon's tick to the first line of the asset, and to the end of the run.

Three ways to run the same, in turns: the untuned one (a process for each step, runs taken from the queue every five
seconds, as Dagster does by itself), the shipped one, and an asset that does nothing in a location of its own, which no
tick can be quicker than. A simulated Spotify answers one listener. Prints medians in seconds, their ratio to the empty
asset of the same configuration, and the rows that one tick leaves in Dagster's history.

    python benchmarks/tick_latency.py [ticks]
"""

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg

    from spotify_assets.simulator.server import SimulatorServer

_TICK = """
import os
from pathlib import Path

import dagster as dg

from spotify_assets.clock import clock_from, today
from spotify_assets.fetched import ASKED_ON_TAG
from spotify_assets.settings import settings

ASKED = Path(os.environ["TICK_ASKED"])


def ask(day):
    @dg.sensor(name="tick", job_name="{job}", minimum_interval_seconds=1,
               default_status=dg.DefaultSensorStatus.RUNNING)
    def tick(context):
        try:
            ASKED.unlink()
        except FileNotFoundError:
            return dg.SkipReason("not yet")
        return dg.RunRequest(partition_key=day(), tags={{ASKED_ON_TAG: day()}}) if day else dg.RunRequest()

    return tick
"""
_LISTENING = """


@dg.definitions
def defs():
    import spotify_assets.definitions as shipped

    made = shipped.defs()
    return dg.Definitions(
        assets=made.assets, asset_checks=made.asset_checks, jobs=made.jobs, resources=made.resources,
        sensors=[ask(lambda: today(clock_from(settings())).isoformat())], {executor}
    )
"""
_NOTHING = """
@dg.asset
def empty() -> None: ...


defs = dg.Definitions(
    assets=[empty], jobs=[dg.define_asset_job("nothing", selection="empty")], sensors=[ask(None)], {executor}
)
"""
_IN_PROCESS = "executor=dg.in_process_executor"
_FIRST = {"listening": "raw_plays", "nothing": "empty"}


@dataclass
class Case:
    """A job in a configuration, and what its ticks took."""

    job: str
    is_tuned: bool
    to_first_line: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"{'shipped' if self.is_tuned else 'untuned'}: {self.job}"

    def code(self) -> str:
        executor = _IN_PROCESS if self.is_tuned else ""
        body = _LISTENING if self.job == "listening" else _NOTHING
        return _TICK.format(job=self.job) + body.format(executor=executor)

    def configuration(self) -> str:
        if self.is_tuned:
            from spotify_assets.packaged import packaged

            return packaged("dagster.yaml").read_text()
        return "telemetry: {enabled: false}\n"


@contextmanager
def daemon(case: Case, folder: Path, environment: dict[str, str]) -> "Iterator[dg.DagsterInstance]":
    """Dagster's daemon for this case alone."""
    import dagster as dg

    home = folder / case.name.replace(": ", "_")
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text(case.configuration())
    (home / "location.py").write_text(case.code())
    words = [str(Path(sys.executable).with_name("dagster-daemon")), "run", "-f", "location.py"]
    everything = {**environment, "DAGSTER_HOME": str(home), "TICK_ASKED": str(home / "asked")}
    with dg.DagsterInstance.from_config(str(home)) as instance, (home / "log").open("wb") as log:
        process = subprocess.Popen(words, cwd=home, env=everything, stdout=log, stderr=log, start_new_session=True)
        try:
            yield instance
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def tick(case: Case, instance: "dg.DagsterInstance") -> None:
    """One tick: asks for it, and waits for the run's end. The sensor's own tick begins the count."""
    import dagster as dg

    before = {record.dagster_run.run_id for record in instance.get_run_records()}
    (Path(instance.root_directory) / "asked").touch()
    give_up = time.monotonic() + 900
    while True:
        new = [r for r in instance.get_run_records() if r.dagster_run.run_id not in before]
        if new and new[0].dagster_run.is_finished:
            break
        if time.monotonic() > give_up:
            sys.exit(f"no tick of {case.name} ended: see {instance.root_directory}/log")
        time.sleep(0.05)
    [record] = new
    if not record.dagster_run.is_success:
        sys.exit(f"{case.name} failed: see {instance.root_directory}/log")
    [state] = instance.all_instigator_state()
    [asked] = [
        each
        for each in instance.get_ticks(state.instigator_origin_id, state.selector_id)
        if record.dagster_run.run_id in each.run_ids
    ]
    entries = instance.all_logs(record.dagster_run.run_id)
    first = next(
        entry.timestamp
        for entry in entries
        if entry.dagster_event
        and entry.dagster_event.event_type == dg.DagsterEventType.STEP_START
        and entry.dagster_event.step_key == _FIRST[case.job]
    )
    case.to_first_line.append(first - asked.timestamp)
    case.whole.append(max(entry.timestamp for entry in entries) - asked.timestamp)
    case.rows.append(len(entries))


def _environment(simulator: "SimulatorServer", folder: Path) -> dict[str, str]:
    config = simulator.world.config
    return {
        **os.environ,
        **simulator.outside,
        "SPOTIFY_API_URL": simulator.api_url,
        "SPOTIFY_ACCOUNTS_URL": simulator.accounts_url,
        "SPOTIFY_CLIENT_ID": config.client_id,
        "SPOTIFY_CLIENT_SECRET": config.client_secret,
        "SPOTIFY_ASSETS_HOME": str(folder / "home"),
        "SPOTIFY_DAILY_REQUEST_BUDGET": "none",
        "SPOTIFY_ASSETS_CLOCK": simulator.clock_url,
    }


def _log_in(environment: dict[str, str], folder: Path) -> None:
    browser = folder / "browser"
    browser.write_text(
        f"#!{sys.executable}\nimport sys, urllib.request\nurllib.request.urlopen(sys.argv[1] + '&_sim_user=alex')\n"
    )
    browser.chmod(0o755)
    words = [sys.executable, "-m", "spotify_assets.cli", "login", "alex", "--time-zone", "Europe/Berlin"]
    subprocess.run(words, env={**environment, "BROWSER": str(browser)}, check=True, stdout=subprocess.DEVNULL)
    subprocess.run(
        [sys.executable, "-m", "spotify_assets.cli", "poll"], env=environment, check=True, stdout=subprocess.DEVNULL
    )


def main(ticks: int) -> None:
    from spotify_assets.simulator.config import SimulatorConfig
    from spotify_assets.simulator.server import SimulatorServer
    from spotify_assets.storage.embedded import EmbeddedPostgres

    cases = [Case(job, is_tuned) for is_tuned in (False, True) for job in ("nothing", "listening")]
    at = datetime(2026, 3, 4, 12, tzinfo=UTC)
    with tempfile.TemporaryDirectory() as name, SimulatorServer(SimulatorConfig(at=at, running=True)) as simulator:
        folder = Path(name)
        environment = _environment(simulator, folder)
        _log_in(environment, folder)
        try:
            for case in cases:
                with daemon(case, folder, environment) as instance:
                    for number in range(ticks + 1):
                        simulator.world.clock.advance(timedelta(minutes=30))
                        tick(case, instance)
                        if number == 0:  # caches, and the daemon's own start
                            for measured in (case.to_first_line, case.whole, case.rows):
                                measured.clear()
        finally:
            EmbeddedPostgres(folder / "home").destroy()
    show(cases)


def show(cases: list[Case]) -> None:
    """The table."""
    print(f"{'':22}{'tick → first line':>20}{'ratio':>8}{'tick → end':>14}{'ratio':>8}{'rows a tick':>14}")
    for case in cases:
        [floor] = [each for each in cases if each.job == "nothing" and each.is_tuned == case.is_tuned]
        first, whole = statistics.median(case.to_first_line), statistics.median(case.whole)
        print(
            f"{case.name:22}{first:18.2f} s{first / statistics.median(floor.to_first_line):8.2f}"
            f"{whole:12.2f} s{whole / statistics.median(floor.whole):8.2f}{statistics.median(case.rows):14.0f}"
        )
    [shipped] = [case for case in cases if case.is_tuned and case.job == "listening"]
    print(f"rows a day with 48 ticks: {48 * statistics.median(shipped.rows):,.0f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
