"""Moves Dagster's history from one home to another, such as from SQLite into Postgres: runs with their events, what
assets and checks know of them, partitions, backfills, schedules and sensors with their cursors and ticks.

    python -m spotify_assets.deployment.move_history OLD_HOME

DAGSTER_HOME is the new home, and it has to be empty: numbers of events are given anew, and nothing is merged. Nothing
may run on either meanwhile. Compute logs are files, and stay where they are.
"""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from spotify_assets.errors import UserError

PARTITION_SET = "exports"
"""The only dynamic partitions there are: one for each export (`streaming_history`)."""
_BEGIN_ANEW = {"slack_alerts"}  # its cursor counts the old history's events; without one it begins at the newest
_EVENTS_AT_ONCE = 1_000


def main() -> str | None:
    """Says how much has moved; returns a sentence where nothing can."""
    if len(sys.argv) != 2:
        return "Give the old home: python -m spotify_assets.deployment.move_history OLD_HOME"
    old_home = Path(sys.argv[1])
    if not (old_home / "dagster.yaml").exists():
        return f"{old_home} has no dagster.yaml, so it is no home of Dagster's."
    if not os.environ.get("DAGSTER_HOME"):
        return "Set DAGSTER_HOME to the new home."
    with dg.DagsterInstance.from_config(str(old_home)) as old, dg.DagsterInstance.get() as new:
        try:
            moved = move(old, new)
        except UserError as error:
            return str(error)
    print("Moved: " + ", ".join(f"{count} {what}" for what, count in moved.items()) + ".")
    return None


def move(old: dg.DagsterInstance, new: dg.DagsterInstance) -> dict[str, int]:
    """Copies everything into an empty history; returns how much of what. Raises `UserError` where it isn't empty."""
    if new.get_runs_count() or new.all_instigator_state():
        raise UserError("The new history is not empty; a history can be moved only to where nothing has run yet.")
    moved = {"runs": 0, "events": 0, "partitions": 0, "backfills": 0, "ticks": 0}
    for record in sorted(old.get_run_records(), key=lambda each: each.storage_id):
        run = record.dagster_run
        _move_snapshots(run, old, new)
        new.run_storage.add_historical_run(run, record.create_timestamp)
        moved["runs"] += 1
        for entry in _events(old, run.run_id):
            new.event_log_storage.store_event(entry)
            if entry.dagster_event is not None:
                # When it began and ended; the status is the run's own.
                at = datetime.fromtimestamp(entry.timestamp, UTC)
                new.run_storage.handle_run_event(run.run_id, entry.dagster_event, at)
            moved["events"] += 1
    keys = old.get_dynamic_partitions(PARTITION_SET)
    new.add_dynamic_partitions(PARTITION_SET, keys)
    moved["partitions"] = len(keys)
    for backfill in old.get_backfills():
        new.add_backfill(backfill)
        moved["backfills"] += 1
    moved["ticks"] = _move_ticks(old, new)
    return moved


def _move_snapshots(run: dg.DagsterRun, old: dg.DagsterInstance, new: dg.DagsterInstance) -> None:
    """What the job and its plan were at the time: the UI draws old runs by them."""
    if run.job_snapshot_id and not new.has_snapshot(run.job_snapshot_id):
        job = old.get_job_snapshot(run.job_snapshot_id)
        if job.lineage_snapshot:
            new.add_snapshot(old.get_job_snapshot(job.lineage_snapshot.parent_snapshot_id))
        new.add_snapshot(job)
    if run.execution_plan_snapshot_id and not new.has_snapshot(run.execution_plan_snapshot_id):
        new.add_snapshot(old.get_execution_plan_snapshot(run.execution_plan_snapshot_id))


def _events(instance: dg.DagsterInstance, run_id: str) -> Iterator[dg.EventLogEntry]:
    cursor: str | None = None
    while True:
        page = instance.get_records_for_run(run_id, cursor=cursor, limit=_EVENTS_AT_ONCE)
        yield from (record.event_log_entry for record in page.records)
        if not page.has_more:
            return
        cursor = page.cursor


def _move_ticks(old: dg.DagsterInstance, new: dg.DagsterInstance) -> int:
    count = 0
    for state in old.all_instigator_state():
        if state.instigator_name in _BEGIN_ANEW:
            continue
        new.add_instigator_state(state)
        for tick in reversed(old.get_ticks(state.instigator_origin_id, state.selector_id)):
            new.create_tick(tick.tick_data)
            count += 1
    return count


if __name__ == "__main__":
    sys.exit(main())
