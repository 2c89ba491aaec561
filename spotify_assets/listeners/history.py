"""A listener in Dagster's history: runs, their events and logs, dynamic partitions, ticks and backfills.

All of it is found through Dagster's public interface, on SQLite and on Postgres, and all but backfills is deleted
through it too: for those it has nothing. In SQLite they are deleted here, and so is what it keeps of deleted runs
(their files, their tags, the room of deleted rows); in Postgres they stay, and a sentence says how they go.
"""

import json
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

import dagster as dg

from spotify_assets.history_files import forget_deleted_runs, tables_of
from spotify_assets.markdown import escape
from spotify_assets.storage.sharing import NOT_SHOWN

PREVIEWS = ("newest_plays", "plays_by_hour", "preview")
"""Metadata that shows what was played, in runs of the time when there was one listener."""
_UNDER_WAY = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
_OLDEST = timedelta(hours=1)  # dagster.yaml's max_runtime_seconds: what is older was killed
_PATIENCE = 60.0


@dataclass(frozen=True)
class Person:
    """By what somebody can be recognized: the local name, Spotify's id of the account, the shown name."""

    user_id: str
    account_id: str | None = None
    display_name: str | None = None

    def is_named_in(self, text: str) -> bool:
        """Whether a text (which may be JSON) names the person; a folder of that name on this machine does not."""
        return self._pattern.search(text) is not None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        patterns: list[str] = []
        for name in _forms(self.user_id):
            alone = rf"(?<![\w/.@-]){name}(?![\w@/-]|\.\w)"
            export = rf"(?<![\w-]){name}-[0-9a-f]{{12}}(?!\w)"
            patterns.extend((rf"user={name}/", rf"inbox/{name}(?![\w-])", export, alone))
        for other in filter(None, (self.account_id, self.display_name)):
            patterns.extend(rf"(?<!\w){name}(?!\w)" for name in _forms(other))
        return re.compile("|".join(patterns))


def _forms(name: str) -> set[str]:
    """Patterns of a name as it is, in Markdown, and in JSON."""
    return {re.escape(form) for text in (name, escape(name)) for form in (text, json.dumps(text)[1:-1])}


@dataclass
class Traces:
    """What names a person, or shows what a single listener played, in Dagster's history."""

    runs: list[str] = field(default_factory=list)
    partitions: list[tuple[str, str]] = field(default_factory=list)
    """(name of the set, key)"""
    instigators: list[tuple[str, str]] = field(default_factory=list)
    """(origin id, selector id) of the schedules and sensors whose ticks name the person"""
    backfills: list[str] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        """By the name of the place."""
        return {
            "Dagster: runs with their events and logs": len(self.runs),
            "Dagster: dynamic partitions": len(self.partitions),
            "Dagster: schedules and sensors with ticks": len(self.instigators),
            "Dagster: backfills": len(self.backfills),
        }


@dataclass(frozen=True)
class History:
    """Dagster's history of an instance; `partition_sets` are the names of its dynamic partitions."""

    instance: dg.DagsterInstance
    home: Path
    partition_sets: Sequence[str]

    def find(self, person: Person, shown_before: datetime | None) -> Traces:
        """All that names the person; and, where `shown_before` (UTC) is given, the runs before it that show plays."""
        found = Traces()
        for record in self.instance.get_run_records():
            early = shown_before is not None and record.create_timestamp.replace(tzinfo=UTC) < shown_before
            texts = self._texts(record.dagster_run)
            if any(person.is_named_in(text) or (early and _shows_plays(text)) for text in texts):
                found.runs.append(record.dagster_run.run_id)
        for name in self.partition_sets:
            keys = self.instance.get_dynamic_partitions(name)
            found.partitions.extend((name, key) for key in keys if key.rpartition("-")[0] == person.user_id)
        for state in self.instance.all_instigator_state():
            ticks = self.instance.get_ticks(state.instigator_origin_id, state.selector_id)
            if any(person.is_named_in(dg.serialize_value(tick)) for tick in ticks):
                found.instigators.append((state.instigator_origin_id, state.selector_id))
        for backfill in self.instance.get_backfills():
            if person.is_named_in(dg.serialize_value(backfill)):
                found.backfills.append(backfill.backfill_id)
        return found

    def delete(self, found: Traces, spared: Sequence[str] = ()) -> None:
        """Deletes what was found, but the `spared` runs, which are under way: what they write last would stay.

        Where any run goes, the assets' and checks' latest state goes with it. Backfills go in SQLite only.
        """
        runs = [run_id for run_id in found.runs if run_id not in spared]
        if runs:
            # A deleted run would live on in the results of its checks and as its assets' last materialization.
            self.instance.wipe_assets(list(self.instance.get_asset_keys()))
        for run_id in runs:
            self.instance.compute_log_manager.delete_logs(prefix=[run_id])
            self.instance.delete_run(run_id)
        for name, key in found.partitions:
            self.instance.delete_dynamic_partition(name, key)
        for origin_id, selector_id in found.instigators:
            self.instance.purge_ticks(origin_id, selector_id, before=time.time() + 1)
        self._sweep_sqlite(found.backfills)

    def wait_for_runs(self) -> list[str]:
        """Waits up to a minute for runs that are under way, whose last events are still to be written.

        Returns the ids of those that still are.
        """
        until = time.monotonic() + _PATIENCE
        since = datetime.now(UTC) - _OLDEST
        filters = dg.RunsFilter(statuses=_UNDER_WAY, created_after=since)
        while (records := self.instance.get_run_records(filters)) and time.monotonic() < until:
            time.sleep(0.5)
        return [record.dagster_run.run_id for record in records]

    def _texts(self, run: dg.DagsterRun) -> Iterator[str]:
        yield dg.serialize_value(run)
        for entry in self.instance.all_logs(run.run_id):
            yield dg.serialize_value(entry)
            captured = entry.dagster_event
            if captured and captured.event_type == dg.DagsterEventType.LOGS_CAPTURED:
                key = captured.logs_captured_data.file_key
                data = self.instance.compute_log_manager.get_log_data([run.run_id, "compute_logs", key])
                yield from (part.decode(errors="replace") for part in (data.stdout, data.stderr) if part)

    def _sweep_sqlite(self, backfills: Sequence[str]) -> None:
        """Removes what SQLite keeps of all deleted runs, those of an erasure that was killed included."""
        forget_deleted_runs(self.instance, self.home)
        for path in self.home.rglob("*.db"):
            with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as database:
                if "bulk_actions" in tables_of(database):
                    database.executemany("delete from bulk_actions where key = ?", [(key,) for key in backfills])
                database.execute("vacuum")
                database.execute("pragma wal_checkpoint(truncate)")


def _shows_plays(text: str) -> bool:
    return any(f'"{name}"' in text for name in PREVIEWS) and NOT_SHOWN not in text


def partition_sets() -> list[str]:
    """The names of the dynamic partitions of this program's assets."""
    from spotify_assets.definitions import defs

    partitioned = (spec.partitions_def for spec in defs().resolve_all_asset_specs())
    return sorted({str(found.name) for found in partitioned if isinstance(found, dg.DynamicPartitionsDefinition)})
