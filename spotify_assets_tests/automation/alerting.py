"""What tests of alerts share: a pipeline that fails on request, in a real history, and somebody who reads Slack."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import requests

from spotify_assets.automation.alerts.sensor import Tick
from spotify_assets.clock import SystemClock
from spotify_assets.settings import Settings
from spotify_assets.simulator.server import SimulatorServer

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
UI = "https://dagster.example.org"
Checks = Mapping[str, Sequence[str]]
USUAL: Checks = {"raw_plays": ("every_listener_polled", "keys_are_unique"), "fct_plays": ("no_nulls", "unique_index")}


@dataclass
class Pipeline:
    """The job `listening` over assets with these checks, each made of the one before. Runs go into the history."""

    instance: dg.DagsterInstance
    checks: Checks = field(default_factory=lambda: USUAL)
    failing: dict[str, dg.AssetCheckResult] = field(default_factory=dict)
    """By the name of the check: what it says."""
    broken: dict[str, str] = field(default_factory=dict)
    """By asset: why it fails."""

    def __post_init__(self) -> None:
        names = list(self.checks)
        assets = [self._asset(name, names[place - 1] if place else None) for place, name in enumerate(names)]
        job = dg.define_asset_job("listening", selection=dg.AssetSelection.all())
        made = dg.Definitions(assets=assets, jobs=[job], executor=dg.in_process_executor)
        self.job = made.resolve_job_def("listening")

    def _asset(self, name: str, before: str | None) -> dg.AssetsDefinition:
        specs = [dg.AssetCheckSpec(check, asset=name) for check in self.checks[name]]

        @dg.asset(name=name, check_specs=specs, deps=[before] if before else [])
        def asset() -> dg.MaterializeResult:  # type: ignore[type-arg]
            if name in self.broken:
                raise dg.Failure(self.broken[name], allow_retries=False)
            results = [
                self.failing.get(spec.name, dg.AssetCheckResult(passed=True))._replace(check_name=spec.name)
                for spec in specs
            ]
            return dg.MaterializeResult(check_results=results)

        return asset

    def run(
        self,
        *failing: dg.AssetCheckResult,
        broken: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """One run, in which these checks fail and these assets break; its id."""
        self.failing = {str(each.check_name): each for each in failing}
        self.broken = dict(broken or {})
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        done = self.job.execute_in_process(
            instance=self.instance, tags=dict(tags or {}), raise_on_error=False, run_config=quiet
        )
        return done.run_id


def fails(
    check: str,
    says: str = "3 plays are stored more than once.",
    severity: dg.AssetCheckSeverity = WARN,
    table: str = "",
) -> dg.AssetCheckResult:
    """What a check says that fails."""
    metadata = {"found": dg.MetadataValue.md(table)} if table else {}
    return dg.AssetCheckResult(passed=False, check_name=check, description=says, severity=severity, metadata=metadata)


@dataclass
class Watch:
    """The sensor's ticks, one after the other, as the daemon makes them, with its cursor."""

    instance: dg.DagsterInstance
    settings: Settings
    cursor: str | None = None

    def tick(self) -> str:
        """One tick; what it says it did. Raises what fails it, and then keeps the cursor as the daemon does."""
        result = Tick(self.instance, self.settings, SystemClock()).run(self.cursor)
        self.cursor = result.cursor
        assert result.skip_reason is not None
        return str(result.skip_reason.skip_message)

    def ticks(self) -> int:
        """Ticks until there is nothing to tell; how many told something."""
        told = 0
        while self.tick().startswith("Told"):
            told += 1
        return told


@dataclass(frozen=True)
class Reader:
    """Somebody who reads the channel."""

    simulator: SimulatorServer

    def messages(self) -> list[str]:
        """What can be read, message by message."""
        answer = requests.get(f"{self.simulator.url}/_sim/slack", timeout=10).json()
        return [message["shown"] for message in answer["messages"]]

    def heads(self) -> list[str]:
        """The first line of each message, without its sign."""
        return [message.splitlines()[0].partition(" ")[2].replace("*", "") for message in self.messages()]

    def break_down(self, **fault: object) -> None:
        """From now on Slack answers like this."""
        requests.post(
            f"{self.simulator.url}/_sim/faults", json={"path": "/slack/*", **fault}, timeout=10
        ).raise_for_status()

    def come_back(self) -> None:
        requests.delete(f"{self.simulator.url}/_sim/faults", timeout=10).raise_for_status()


def bot(simulator: SimulatorServer, home: Path, **changed: Any) -> Settings:
    """Settings under which alerts go to the simulated Slack, by its bot."""
    given: dict[str, Any] = {name.lower(): value for name, value in simulator.slack.items()} | changed
    return Settings(SPOTIFY_ASSETS_HOME=home, dagster_ui_url=UI, **given)
