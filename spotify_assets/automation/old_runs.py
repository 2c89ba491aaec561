"""Which finished runs are old and may go, and how one goes. Through Dagster's public interface, on SQLite and Postgres.

What the UI still shows stays: the runs that made an asset's latest materialization, or that of a partition, and those
of each check's latest evaluation. Dagster itself deletes none of this, nor, with a run, the evaluations of its checks.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, cast

import dagster as dg
from sqlalchemy import Connection, text

from spotify_assets.fetched import RANGE_END_TAG, RANGE_START_TAG
from spotify_assets.questions import PARTITION_TAG

_FINISHED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
_PAGE = 200
_LATEST_EVALUATIONS = """
    select distinct run_id
    from asset_check_executions
    where id in (
        select max(id)
        from asset_check_executions
        where evaluation_event is not null
        group by asset_key, check_name
    )
"""
_FORGET_EVALUATIONS = "delete from asset_check_executions where run_id = :run_id"


class _Events(Protocol):
    """Dagster's storage of events, in SQLite or Postgres."""

    def index_connection(self) -> AbstractContextManager[Connection]: ...


def _events(instance: dg.DagsterInstance) -> _Events:
    return cast("_Events", instance.event_log_storage)


@dataclass
class Shown:
    """What the UI shows of finished runs."""

    instance: dg.DagsterInstance
    _latest: set[str] = field(default_factory=set)
    _partitions: dict[dg.AssetKey, set[str]] = field(default_factory=dict)
    _of_partition: dict[tuple[dg.AssetKey, str], str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        keys = list(self.instance.get_asset_keys())
        for record in self.instance.get_asset_records(keys):
            last = record.asset_entry.last_materialization_record
            if last is not None:
                self._latest.add(last.run_id)
        with _events(self.instance).index_connection() as connection:
            self._latest |= {run_id for (run_id,) in connection.execute(text(_LATEST_EVALUATIONS))}
        for key in keys:
            partitions = set(self.instance.get_materialized_partitions(key))
            if partitions:
                self._partitions[key] = partitions

    def needs(self, run: dg.DagsterRun) -> bool:
        """Whether anything that is shown came from this run."""
        if run.run_id in self._latest:
            return True
        first = run.tags.get(RANGE_START_TAG) or run.tags.get(PARTITION_TAG)
        last = run.tags.get(RANGE_END_TAG) or first
        if first is None or last is None:
            return False
        return any(
            self._run_of(key, partition) == run.run_id
            for key, partitions in self._partitions.items()
            for partition in partitions
            if first <= partition <= last
        )

    def _run_of(self, key: dg.AssetKey, partition: str) -> str | None:
        if (key, partition) not in self._of_partition:
            filters = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition])
            found = self.instance.fetch_materializations(filters, limit=1).records
            self._of_partition[key, partition] = found[0].run_id if found else None
        return self._of_partition[key, partition]


@dataclass(frozen=True)
class Old:
    """Finished runs from before a day: what may go, at most as many as asked for, and how many are kept."""

    ids: list[str]
    kept: int
    are_more: bool


def find_old_runs(instance: dg.DagsterInstance, before: datetime, most: int) -> Old:
    """Looks at finished runs that were asked for before this moment, the oldest first."""
    shown = Shown(instance)
    ids: list[str] = []
    kept = 0
    for run in _finished(instance, before):
        if shown.needs(run):
            kept += 1
        elif len(ids) == most:
            return Old(ids, kept, are_more=True)
        else:
            ids.append(run.run_id)
    return Old(ids, kept, are_more=False)


def delete_run(instance: dg.DagsterInstance, run_id: str) -> None:
    """Deletes a run with its events, evaluations and logs. It goes last, so that a deletion that was cut short is
    begun again."""
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    with _events(instance).index_connection() as connection:
        connection.execute(text(_FORGET_EVALUATIONS), {"run_id": run_id})
    instance.delete_run(run_id)


def _finished(instance: dg.DagsterInstance, before: datetime) -> Iterator[dg.DagsterRun]:
    filters = dg.RunsFilter(statuses=_FINISHED, created_before=before)
    cursor = None
    while page := instance.get_run_records(filters, limit=_PAGE, ascending=True, cursor=cursor):
        yield from (record.dagster_run for record in page)
        cursor = page[-1].dagster_run.run_id
