"""One process's share of building: begins a build, audits, makes the marts, and leaves no load behind.

No Dagster. The order of things, all under the build lock: plan, write the build's row, build `staging` and
`intermediate` with their tests, then, when no blocking test failed, `marts`; look again before letting go, and once
more after. Whoever finds the lock taken leaves the build to its holder.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from spotify_assets.clock import Clock
from spotify_assets.modelling import builds
from spotify_assets.modelling.project import Project
from spotify_assets.modelling.runner import DbtRunner, NodeResult, runner_for
from spotify_assets.storage.warehouse import Warehouse

LEFT_TO_THE_HOLDER = (
    "Another run is building just now; it looks again before it stops, and takes in what this run loaded."
)


@dataclass(frozen=True)
class Outcome:
    """What one step did. `results` is empty unless it built."""

    kind: Literal["built", "skipped", "left"]
    reason: str
    build_id: int | None = None
    results: tuple[NodeResult, ...] = ()

    @property
    def broken(self) -> list[NodeResult]:
        """The nodes that failed and stop what comes after them."""
        return [result for result in self.results if result.is_broken]


@dataclass
class BuildSession:
    """Building for one run: `audit`, then `marts`, then `close`; between the first two it holds the build lock."""

    warehouse: Warehouse
    clock: Clock
    project: Project
    _lock: builds.BuildLock = field(init=False, repr=False)
    _current: tuple[int, builds.Plan] | None = field(init=False, default=None)
    _nothing_to_do: Outcome | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._lock = builds.BuildLock(self.warehouse)

    def audit(self, run_id: str | None = None) -> Outcome:
        """Begins a build where one is needed, and makes and tests `staging` and `intermediate`."""
        with self._letting_go_on_failure():
            if not self._begin(run_id):
                return self._done()
            return self._step("audit")

    def marts(self, run_id: str | None = None) -> Outcome:
        """Makes the marts of the build that `audit` began (or of one begun here, audit first), and of later loads."""
        with self._letting_go_on_failure():
            if self._current is None and self._nothing_to_do is None:
                audited = self.audit(run_id)
                if audited.broken or audited.kind != "built":
                    return audited
            if self._current is None:
                return self._done()
            outcome = self._finish_with(self._step("marts"))
            return outcome if outcome.broken else self._drain(run_id, outcome)

    def test(self, names: Sequence[str]) -> Outcome:
        """Runs tests over all rows, while nobody builds; then builds what was left to this holder meanwhile."""
        with self._letting_go_on_failure():
            self._lock.take(wait=True)
            outcome = Outcome("built", "Asked for: these tests over all rows.", None, tuple(self._dbt.test(names)))
            later = self._drain(None, Outcome("built", outcome.reason))
            return Outcome("built", outcome.reason, None, (*outcome.results, *later.broken))

    def close(self) -> None:
        """Lets go of the lock, if it is held; a build that is not finished is superseded by the next one."""
        self._current = None
        self._lock.release()

    @property
    def _dbt(self) -> DbtRunner:
        return runner_for(self.project, self.warehouse)

    def _begin(self, run_id: str | None) -> bool:
        """Takes the lock and begins a build; False, with the lock let go, where nothing is left to this process."""
        relations = self.project.relations()
        while self._lock.take():
            todo = builds.read_plan(self._lock.connection, self.project.code_hash, relations)
            if todo.kind != "skip":
                self._current = builds.start(self._lock.connection, todo, self.clock, run_id), todo
                return True
            self._nothing_to_do = Outcome("skipped", todo.reason)
            self._lock.release()
            # A load committed between the look and the letting go found the lock taken and left its build to us.
            with self.warehouse.connect() as connection:
                if builds.read_plan(connection, self.project.code_hash, relations).kind == "skip":
                    return False
        self._nothing_to_do = Outcome("left", LEFT_TO_THE_HOLDER)
        return False

    def _step(self, tag: Literal["audit", "marts"]) -> Outcome:
        if self._current is None:
            raise RuntimeError("no build was begun")
        build_id, todo = self._current
        outcome = Outcome("built", todo.reason, build_id, tuple(self._dbt.build(tag, full=todo.kind == "full")))
        if outcome.broken:
            self.close()
        return outcome

    def _finish_with(self, outcome: Outcome) -> Outcome:
        if not outcome.broken and self._current is not None:
            builds.finish(self._lock.connection, self._current[0], self.clock)
            self._current = None
        return outcome

    def _drain(self, run_id: str | None, outcome: Outcome) -> Outcome:
        """Builds as long as loads have come meanwhile; of each mart the last result counts."""
        results = {result.unique_id: result for result in outcome.results}
        while self._begin(run_id):
            audited = self._step("audit")
            step = audited if audited.broken else self._finish_with(self._step("marts"))
            results |= {result.unique_id: result for result in step.results}
            if step.broken:
                break
        return Outcome("built", outcome.reason, outcome.build_id, tuple(results.values()))

    def _done(self) -> Outcome:
        if self._nothing_to_do is None:
            raise RuntimeError("nothing was looked at yet")
        return self._nothing_to_do

    @contextmanager
    def _letting_go_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.close()
            raise
