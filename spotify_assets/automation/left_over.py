"""The sensor `landed_but_not_loaded`: what lies in the lake and was never loaded gets a run that loads it.

Answers that landed while Postgres was lost, objects that were put back into the lake, a database that was made anew:
the ledger knows nothing of them, so the lake is listed, and what a finished load has taken is left out. A lake that
can't be listed says nothing about what is in it: then nothing is asked for, and the sentence says why.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import dagster as dg

from spotify_assets.automation.jobs import HISTORY_IMPORT, REPLAY
from spotify_assets.automation.looks import Memory, days_to_look_at, first_span, read_cursor, write_cursor
from spotify_assets.automation.under_way import is_under_way
from spotify_assets.clock import Clock, clock_from
from spotify_assets.errors import UserError
from spotify_assets.fetched import RANGE_END_TAG, RANGE_START_TAG
from spotify_assets.listening.exports.assets import EXPORTS as EXPORT_PARTITIONS
from spotify_assets.listening.exports.assets import partition_of
from spotify_assets.listening.exports.manifest import DATASET as EXPORTS
from spotify_assets.listening.exports.manifest import export_hash, is_manifest, read_manifest
from spotify_assets.loaders import LOADERS
from spotify_assets.settings import Settings, settings
from spotify_assets.storage.lake import Lake, LakeCorrupt, open_lake, parse_key
from spotify_assets.storage.landed import first_landing, in_order_of_fetching, landed_on, not_loaded
from spotify_assets.storage.postgres_home import PostgresHome
from spotify_assets.storage.warehouse import Warehouse, open_warehouse

NAME = "landed_but_not_loaded"
GRACE = timedelta(minutes=15)
"""What landed so lately may be in the hands of whoever landed it."""
_MOST_READ = 40
"""So many objects are read at most to find an export's list, which landed last; an export has about thirty files."""


@dataclass(frozen=True)
class Missing:
    """What was not loaded, by the day on which it was fetched, and the objects of exports, which have no days."""

    days: Mapping[date, int]
    exports: Sequence[str]

    @property
    def count(self) -> int:
        return sum(self.days.values()) + len(self.exports)


def landed_but_not_loaded_sensor(seconds: int = 900) -> dg.SensorDefinition:
    """Looks every so many seconds."""

    @dg.sensor(
        name=NAME,
        jobs=[REPLAY, HISTORY_IMPORT],
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Lists the lake for what was landed and never loaded, and asks for a run that loads it.",
    )
    def landed_but_not_loaded(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        try:
            chosen = settings()
            if chosen.database_url is None and PostgresHome(chosen.home_path).data() is None:
                return dg.SkipReason("Nothing has been stored yet.")
            if is_under_way(context.instance, tags={"dagster/sensor_name": NAME}):
                return dg.SkipReason("A run that loads what was left is under way.")
            return look(chosen, open_warehouse(chosen), open_lake(chosen), clock_from(chosen), context.cursor)
        except UserError as error:
            return dg.SkipReason(str(error))

    return landed_but_not_loaded


def look(chosen: Settings, warehouse: Warehouse, lake: Lake, clock: Clock, cursor: str | None) -> dg.SensorResult:
    """One look: a run for what is due, or the reason why there is none.

    Raises `LakeUnavailable` and `WarehouseUnavailable`; the cursor stays as it was then.
    """
    now = clock.now()
    today = now.date()
    memory = read_cursor(cursor)
    begin = _begin(lake) if memory.month is None and memory.round_of != today else None
    memory = memory.next_month(today, begin)
    days = days_to_look_at(memory, today)
    missing = find_missing(warehouse, lake, days, now)
    export = _export_to_load(lake, missing.exports)
    names = {day.isoformat() for day in missing.days} | ({_digest(export)} if export else set())
    memory = memory.having_looked_at(days, names)
    due = [day for day in missing.days if day >= chosen.lake_start and memory.is_due(day.isoformat(), now)]
    if due:
        span = first_span(due)
        memory = memory.having_asked([day.isoformat() for day in span], now)
        return dg.SensorResult(run_requests=[_replay_of(span)], cursor=write_cursor(memory))
    if export and memory.is_due(_digest(export), now):
        memory = memory.having_asked([_digest(export)], now)
        return dg.SensorResult(
            run_requests=[dg.RunRequest(job_name=HISTORY_IMPORT.name, partition_key=export)],
            dynamic_partitions_requests=[EXPORT_PARTITIONS.build_add_request([export])],
            cursor=write_cursor(memory),
        )
    return dg.SensorResult(skip_reason=_nothing_to_do(missing, chosen.lake_start, memory), cursor=write_cursor(memory))


def find_missing(warehouse: Warehouse, lake: Lake, days: Collection[date], now: datetime) -> Missing:
    """What was fetched on these UTC days, lies in the lake, and was taken by no finished load."""
    by_day: dict[date, int] = {}
    exports: list[str] = []
    for dataset in LOADERS:
        settled = {key for key in landed_on(lake, dataset, days) if parse_key(key).fetched_at < now - GRACE}
        left = not_loaded(warehouse, settled) if settled else set()
        if dataset == EXPORTS:
            exports = in_order_of_fetching(left)
            continue
        for key in left:
            day = parse_key(key).date
            by_day[day] = by_day.get(day, 0) + 1
    return Missing(by_day, exports)


def _begin(lake: Lake) -> date | None:
    firsts = (first_landing(lake, dataset) for dataset in LOADERS)
    return min((day for day in firsts if day), default=None)


def _export_to_load(lake: Lake, keys: Sequence[str]) -> str | None:
    """The partition of an export of which these objects are a part: its list, which landed last, names all of them."""
    for key, payload in lake.get_many(list(reversed(keys))[:_MOST_READ]):
        if not isinstance(payload, LakeCorrupt) and is_manifest(payload):
            members = {member.file_hash for member in read_manifest(payload)[0]}
            return partition_of(parse_key(key).user_id or "", export_hash(members))
    return None


def _replay_of(days: Sequence[date]) -> dg.RunRequest:
    if len(days) == 1:
        return dg.RunRequest(job_name=REPLAY.name, partition_key=days[0].isoformat())
    return dg.RunRequest(
        job_name=REPLAY.name, tags={RANGE_START_TAG: days[0].isoformat(), RANGE_END_TAG: days[-1].isoformat()}
    )


def _nothing_to_do(missing: Missing, lake_start: date, memory: Memory) -> str:
    looked = f"of the last days and of {memory.month:%B %Y}" if memory.month else "of the last days"
    if not missing.count:
        return f"Everything that landed is loaded, by a listing {looked}."
    early = sum(count for day, count in missing.days.items() if day < lake_start)
    if early == missing.count:
        return (
            f"{early} landed objects are not loaded, for they lie before LAKE_START, {lake_start}: set LAKE_START to "
            f"{min(missing.days)}."
        )
    waits = sorted(asked.again_at for asked in memory.asked.values())
    if not waits:
        return (
            f"{len(missing.exports)} files of exports are in the lake without their list, as an import leaves them "
            "that did not end: import them again."
        )
    return (
        f"{missing.count} landed objects are not loaded though a run was asked for; the next one is at "
        f"{waits[0]:%Y-%m-%d %H:%M} UTC. See why the last run of replay or history_import failed."
    )


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]
