"""Whether runs of a kind are under way: queued, starting, at work, or being cancelled."""

from collections.abc import Mapping
from datetime import datetime

import dagster as dg

UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def is_under_way(
    instance: dg.DagsterInstance,
    job: str | None = None,
    tags: Mapping[str, str] | None = None,
    since: datetime | None = None,
) -> bool:
    """Whether there is such a run, of this job, with these tags, asked for after `since`."""
    filters = dg.RunsFilter(job_name=job, tags=dict(tags or {}), statuses=UNDER_WAY, created_after=since)
    return bool(instance.get_run_records(filters, limit=1))
