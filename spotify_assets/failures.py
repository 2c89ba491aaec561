"""Why a run failed, in one line, out of its events: what the command line prints and what an alert says."""

from collections.abc import Iterable
from typing import Protocol

import dagster as dg


class _Raised(Protocol):
    """An exception as Dagster keeps it."""

    @property
    def message(self) -> str: ...

    @property
    def cls_name(self) -> str | None: ...

    @property
    def cause(self) -> "_Raised | None": ...


def failure_among(events: Iterable[dg.DagsterEvent]) -> str | None:
    """The first failed step's own sentence, else that of what every step needs; None where no event has one."""
    of_the_run = None
    for event in events:
        if event.is_step_failure:
            data = event.step_failure_data
            if data.user_failure_data and data.user_failure_data.description:
                return str(data.user_failure_data.description)
            if data.error:
                return _sentence(data.error)
        # A resource that can't be opened (Postgres is down, a key is wrong) fails the run before any step.
        elif event.event_type == dg.DagsterEventType.RUN_FAILURE and event.job_failure_data.error:
            of_the_run = of_the_run or _sentence(event.job_failure_data.error)
    return of_the_run


def _sentence(error: _Raised) -> str:
    """The first line of what was raised, without its class and without what Dagster wrapped around it."""
    while error.cause and str(error.cls_name).startswith("Dagster"):
        error = error.cause
    lines = error.message.strip().splitlines() or [str(error.cls_name)]
    return lines[0].split(": ", 1)[-1]
