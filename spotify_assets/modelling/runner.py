"""Runs dbt in this process, through its programmatic API, and says what came of each node.

A subprocess would cost six seconds for each invocation; a warm process costs a fraction of that. The parsed project is
kept for the next invocation. dbt is imported on first use. No Dagster.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from psycopg.conninfo import conninfo_to_dict

from spotify_assets.errors import UserError
from spotify_assets.modelling.project import Project
from spotify_assets.storage.warehouse import Warehouse

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest

_QUIET = (
    "--log-level", "none",
    "--log-level-file", "none",
    "--no-print",
    "--no-use-colors",
    "--no-send-anonymous-usage-stats",
    "--no-version-check",
)  # fmt: skip


# dbt keeps its adapters and its event manager in the process: one invocation at a time.
_only_one = Lock()


class DbtFailed(UserError):
    """dbt could not run at all: the project does not parse, or the warehouse went away."""


@dataclass(frozen=True)
class NodeResult:
    """What came of one model or test."""

    unique_id: str
    name: str
    status: Literal["success", "pass", "warn", "fail", "error", "skipped"]
    message: str
    failures: int | None
    rows_written: int | None
    seconds: float
    compiled_path: str | None

    @property
    def is_broken(self) -> bool:
        """Whether it stops what comes after it."""
        return self.status in ("fail", "error")

    @property
    def sentence(self) -> str:
        """The node, what dbt said, and where its SQL is."""
        where = f" (SQL: {self.compiled_path})" if self.compiled_path else ""
        return f"{self.name}: {self.status}: {' '.join(self.message.split())}{where}"


@dataclass
class DbtRunner:
    """dbt on one warehouse."""

    project: Project
    warehouse: Warehouse

    def build(self, tag: str, *, full: bool) -> list[NodeResult]:
        """Builds the models of a tag, each followed by its tests, without unit tests.

        All but full builds leave out what new rows can't change: views, and the tests with the tag `nightly`.
        """
        if full:
            chosen = ["--select", f"tag:{tag}", "--full-refresh"]
        else:
            tables, tests = f"tag:{tag},config.materialized:incremental", f"tag:{tag},resource_type:test"
            chosen = ["--select", tables, tests, "--exclude", "tag:nightly"]
        return self._run(["build", *chosen, "--exclude-resource-type", "unit_test"])

    def test(self, names: Sequence[str]) -> list[NodeResult]:
        """Runs the named tests over all rows."""
        return self._run(["test", "--select", *names])

    def unit_test(self) -> list[NodeResult]:
        """Runs dbt's unit tests; the relations of the models must be there."""
        return self._run(["test", "--select", "test_type:unit"])

    def _run(self, arguments: Sequence[str]) -> list[NodeResult]:
        target = self.project.target / "run"
        with _only_one, _connection_in_the_environment(self.warehouse):
            manifest = _manifest(self.project.parsed())
            _point_at(manifest, os.environ["SPOTIFY_ASSETS_DBT_DBNAME"])
            try:
                outcome = _invoke(arguments, self.project.directory, target, manifest)
            except DbtFailed:
                with self.warehouse.connect():  # where this is what is wrong, it says so better
                    raise
        return [_node_result(result, target) for result in outcome.results]


@lru_cache(maxsize=4)
def runner_for(project: Project, warehouse: Warehouse) -> DbtRunner:
    """The runner that this process keeps for a project and a warehouse."""
    return DbtRunner(project, warehouse)


def parse(directory: Path, target: Path) -> None:
    """Parses the project without a database and writes `manifest.json` into `target`."""
    _invoke(["parse"], directory, target)


@lru_cache(maxsize=1)
def _manifest(parsed: bytes) -> "Manifest":
    """The parsed project, kept for the next invocation."""
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder

    return Manifest.from_msgpack(parsed, decoder=extended_mashumuro_decoder)


def _point_at(manifest: "Manifest", database: str) -> None:
    """Only the database's name depends on where the models are built."""
    nodes = [*manifest.nodes.values(), *manifest.sources.values()]
    if any(node.database != database for node in nodes) or not manifest.flat_graph:
        for node in nodes:
            node.database = database
        manifest.build_flat_graph()  # type: ignore[no-untyped-call]


def _invoke(arguments: Sequence[str], directory: Path, target: Path, manifest: "Manifest | None" = None) -> Any:
    """One invocation; its result is dbt's own object. Raises `DbtFailed` where dbt could not do it at all."""
    from dbt.cli.main import dbtRunner

    command = [
        *arguments,
        *_QUIET,
        *([] if manifest is None else ["--no-write-json"]),
        "--project-dir", str(directory),
        "--profiles-dir", str(directory),
        "--target-path", str(target),
        "--log-path", str(target),
    ]  # fmt: skip
    answer = dbtRunner(manifest=manifest).invoke(command)
    if answer.exception is not None and not isinstance(answer.exception, Exception):
        raise answer.exception  # an interruption: dbt's API catches those too
    if answer.exception is not None or answer.result is None:
        reason = " ".join(str(answer.exception).split())
        raise DbtFailed(f"dbt {arguments[0]} could not run: {reason}.") from answer.exception
    return answer.result


def _node_result(result: Any, target: Path) -> NodeResult:
    node = result.node
    response = result.adapter_response or {}
    is_table = node.resource_type == "model" and node.config.materialized == "incremental"
    compiled = target / "compiled" / node.package_name / node.path if node.resource_type == "model" else None
    if node.resource_type == "test" and node.compiled_path:
        compiled = Path(node.compiled_path)
    return NodeResult(
        unique_id=node.unique_id,
        name=node.name,
        status=str(result.status),  # type: ignore[arg-type]
        message=result.message or "",
        failures=result.failures,
        rows_written=response.get("rows_affected") if is_table else None,
        seconds=round(result.execution_time, 3),
        compiled_path=str(compiled) if compiled else None,
    )


@contextmanager
def _connection_in_the_environment(warehouse: Warehouse) -> Iterator[None]:
    """What profiles.yml reads; dbt scrubs the values of DBT_ENV_SECRET_ variables from its messages."""
    parts = {name: str(value) for name, value in conninfo_to_dict(warehouse.dsn).items()}
    wanted = {
        "SPOTIFY_ASSETS_DBT_HOST": parts.get("host", "localhost"),
        "SPOTIFY_ASSETS_DBT_PORT": parts.get("port", "5432"),
        "SPOTIFY_ASSETS_DBT_USER": parts.get("user", ""),
        "SPOTIFY_ASSETS_DBT_DBNAME": parts.get("dbname", parts.get("user", "")),
        "SPOTIFY_ASSETS_DBT_SSLMODE": parts.get("sslmode", "prefer"),
        "DBT_ENV_SECRET_SPOTIFY_ASSETS_PASSWORD": parts.get("password", ""),
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
