"""Runs that ended, read from Dagster's history: how each ended and what its checks said.

Works on SQLite and on Postgres: there, check evaluations can be asked for by run only, so the ends of runs are what is
paged through. Nothing but Dagster's own storage is read.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Literal

import dagster as dg

from spotify_assets.failures import failure_among
from spotify_assets.fetched import ASKED_ON_TAG, REPLAY_TAG
from spotify_assets.questions import PARTITION_TAG

Outcome = Literal["good", "failed", "canceled"]
ENDS = (
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_CANCELED,
)
PAST, EVERYTHING = "past days", "everything"
_AUDIT = "nightly_audit"
_TOO_LONG = "exceeding maximum runtime"
"""How Dagster says, before it fails a run, that this isn't a person who stops it."""
_GONE = (
    "It took longer than `max_runtime_seconds` in dagster.yaml, or its process or machine is gone: see its log. "
    "What it had landed is loaded by the next run."
)
_READ = {
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_CANCELING,
}
_PAGE = 500
_RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_LISTENER_COLUMNS = ("listener", "user_id")


@dataclass(frozen=True)
class End:
    """The end of a run, as the log's index has it. `at` is in Unix seconds."""

    number: int
    """The event's storage id, by which ends are in order."""
    at: float
    run_id: str


@dataclass(frozen=True)
class Verdict:
    """What a check said in a run."""

    asset: str
    check: str
    passed: bool
    is_error: bool = False
    says: str = ""
    listeners: tuple[str, ...] = ()
    """Whom the check's table of offences names."""


@dataclass(frozen=True)
class Finished:
    """A run that ended."""

    run_id: str
    job: str
    """The job's name, or what was selected where somebody started assets by hand."""
    ended_at: float
    outcome: Outcome
    partition: str | None = None
    is_live: bool = True
    """Whether it was about now, rather than about days that are past or one of many exports."""
    is_retry: bool = False
    failure: str = ""
    """Why it failed, in a sentence."""
    verdicts: tuple[Verdict, ...] = ()
    unevaluated: tuple[tuple[str, str], ...] = ()
    """(asset, check) of what was planned and never said anything."""

    @property
    def scope(self) -> str:
        """What it can be compared with: other live runs, other audits of everything, past days, the same export."""
        if self.job == _AUDIT:
            return EVERYTHING
        if self.is_live or self.partition is None:
            return ""
        return PAST if all(map(_DAY.fullmatch, self.partition.split("…"))) else self.partition

    @cached_property
    def when(self) -> datetime:
        return datetime.fromtimestamp(self.ended_at, UTC)


def newest(instance: dg.DagsterInstance) -> int:
    """The number of the latest end of a run, 0 where none ever ended."""
    return max((end.number for kind in ENDS for end in _ends(instance, kind, 1, ascending=False)), default=0)


def ends_after(instance: dg.DagsterInstance, number: int, since: float, most: int) -> list[End]:
    """The ends after that number, in order, at most so many of each kind.

    SQLite gives numbers anew when the latest were deleted, as an erasure may: then those after `since` (Unix seconds).
    """
    ends = [end for kind in ENDS for end in _ends(instance, kind, most, number=number)]
    if not ends and newest(instance) < number:
        ends = [end for kind in ENDS for end in _ends(instance, kind, most, since=since)]
    return sorted(ends, key=lambda end: end.number)


def _ends(
    instance: dg.DagsterInstance,
    kind: dg.DagsterEventType,
    most: int,
    *,
    ascending: bool = True,
    number: int | None = None,
    since: float | None = None,
) -> Iterator[End]:
    wanted = dg.RunStatusChangeRecordsFilter(
        event_type=kind,  # type: ignore[arg-type]  # Dagster's type lists the literals
        after_storage_id=number,
        after_timestamp=since,
    )
    for record in instance.fetch_run_status_changes(wanted, limit=most, ascending=ascending).records:
        yield End(record.storage_id, record.timestamp, record.run_id)


def read_run(instance: dg.DagsterInstance, end: End) -> Finished | None:
    """The run with what its checks said; None for one that was deleted meanwhile."""
    run = instance.get_run_by_id(end.run_id)
    if run is None:
        return None
    events = list(_events(instance, end.run_id))
    outcome = _outcome(run, events)
    verdicts = {(verdict.asset, verdict.check): verdict for verdict in _verdicts(events)}
    return Finished(
        run_id=end.run_id,
        job=_job(run),
        ended_at=end.at,
        outcome=outcome,
        partition=_partition(run),
        is_live=_is_live(run, end.at),
        is_retry=int(run.tags.get("dagster/retry_number", "0")) > 0,
        failure=_failure(events) if outcome == "failed" else "",
        verdicts=tuple(verdicts.values()),
        unevaluated=tuple(key for key in _planned(events) if key not in verdicts) if outcome == "failed" else (),
    )


def _outcome(run: dg.DagsterRun, events: Sequence[dg.DagsterEvent]) -> Outcome:
    if run.status == dg.DagsterRunStatus.SUCCESS:
        return "good"
    if _took_too_long(events):
        return "failed"
    # Some launchers call a run that a person stopped a failure.
    stopped = any(event.event_type == dg.DagsterEventType.RUN_CANCELING for event in events)
    return "canceled" if stopped or run.status == dg.DagsterRunStatus.CANCELED else "failed"


def _took_too_long(events: Sequence[dg.DagsterEvent]) -> bool:
    return any(
        event.event_type == dg.DagsterEventType.RUN_CANCELING and _TOO_LONG in (event.message or "") for event in events
    )


def _events(instance: dg.DagsterInstance, run_id: str) -> Iterator[dg.DagsterEvent]:
    cursor, has_more = None, True
    while has_more:
        page = instance.get_records_for_run(run_id, cursor=cursor, of_type=_READ, limit=_PAGE)
        cursor, has_more = page.cursor, page.has_more
        for record in page.records:
            if record.event_log_entry.dagster_event:
                yield record.event_log_entry.dagster_event


def _failure(events: Sequence[dg.DagsterEvent]) -> str:
    if _took_too_long(events):
        return _GONE
    said = failure_among(events)
    told = [event.message for event in events if event.event_type == dg.DagsterEventType.RUN_FAILURE and event.message]
    return said or (told[-1] if told else "It says no reason; its log may.")


def _verdicts(events: Sequence[dg.DagsterEvent]) -> Iterator[Verdict]:
    for event in events:
        if event.event_type != dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            continue
        said = event.asset_check_evaluation_data
        yield Verdict(
            asset=said.asset_key.to_user_string(),
            check=said.check_name,
            passed=said.passed,
            is_error=said.severity == dg.AssetCheckSeverity.ERROR,
            says=said.description or "",
            listeners=() if said.passed else tuple(_listeners(said.metadata.values())),
        )


def _planned(events: Sequence[dg.DagsterEvent]) -> list[tuple[str, str]]:
    planned = [
        event.asset_check_planned_data
        for event in events
        if event.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
    ]
    return sorted({(each.asset_key.to_user_string(), each.check_name) for each in planned})


def _listeners(values: Iterable[object]) -> list[str]:
    """The names in the listener's column of Markdown tables, in order, each once."""
    names: dict[str, None] = {}
    for value in values:
        if isinstance(value, dg.MarkdownMetadataValue) and value.value:
            header, *rows = [_cells(line) for line in value.value.splitlines() if line.startswith("|")] or [[]]
            place = next((header.index(name) for name in _LISTENER_COLUMNS if name in header), None)
            if place is not None:
                names |= dict.fromkeys(row[place].replace("\\", "") for row in rows[1:] if len(row) > place)
    return list(names)


def _cells(line: str) -> list[str]:
    # An escaped bar belongs to its cell.
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]


def _job(run: dg.DagsterRun) -> str:
    if not run.job_name.startswith("__"):
        return run.job_name
    chosen = sorted(key.to_user_string() for key in run.asset_selection or ())
    chosen += sorted(f"{key.asset_key.to_user_string()}:{key.name}" for key in run.asset_check_selection or ())
    more = f" and {len(chosen) - 3} more" if len(chosen) > 3 else ""
    return f"{', '.join(chosen[:3])}{more} (by hand)" if chosen else "a run by hand"


def _partition(run: dg.DagsterRun) -> str | None:
    first, last = (run.tags.get(tag) for tag in _RANGE)
    return run.tags.get(PARTITION_TAG) or (f"{first}…{last}" if first and last else None)


def _is_live(run: dg.DagsterRun, ended_at: float) -> bool:
    partition = run.tags.get(PARTITION_TAG)
    if REPLAY_TAG in run.tags:
        return False  # it asks nobody, whatever the day
    if ASKED_ON_TAG in run.tags or _partition(run) is None:
        return True
    # A run for today may end after midnight.
    yesterday = (datetime.fromtimestamp(ended_at, UTC) - timedelta(days=1)).date().isoformat()
    return partition is not None and bool(_DAY.fullmatch(partition)) and partition >= yesterday
