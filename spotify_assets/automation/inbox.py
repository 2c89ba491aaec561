"""The sensor `export_inbox`: an export that was put into the inbox is taken in by a run of `history_import`.

The run deletes it there when it is safe. So what still lies there, and is in no run that is under way, was never taken
in: it is asked for again, after a wait that doubles. What was refused stays, is told once, and is looked at again when
it changes. The cursor knows entries by a digest of their address and of their state, so that it names nobody.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import dagster as dg

from spotify_assets.automation.under_way import is_under_way
from spotify_assets.errors import UserError
from spotify_assets.listening.exports.assets import EXPORTS, INBOX_TAG, partition_of
from spotify_assets.listening.exports.inbox import Entry, Inbox, open_inbox
from spotify_assets.listening.exports.intake import look_at
from spotify_assets.settings import settings

SETTLED_SECONDS = 5.0
"""Who copies a file in changes it all the time; what has not changed for so long is whole."""
_LONGEST_WAIT = 3600.0


@dataclass(frozen=True)
class Handled:
    """What became of an entry, as the cursor keeps it."""

    state: str
    """A digest of the entry's signature."""
    is_refused: bool
    """Whether nothing of it can be taken in: where something can, a run is asked for until it has done so."""
    asked: int = 0
    """How often a run was asked for."""
    again_at: float = 0.0
    """When one may be asked for again, in Unix seconds."""


Memory = dict[str, Handled]


def read_cursor(cursor: str | None) -> Memory:
    """The memory in a cursor; empty for none, or one that can't be read."""
    try:
        return {name: Handled(**fields) for name, fields in json.loads(cursor or "{}").items()}
    except (ValueError, TypeError, AttributeError):
        return {}


def write_cursor(memory: Mapping[str, Handled]) -> str:
    return json.dumps({name: asdict(handled) for name, handled in sorted(memory.items())})


def due(entries: list[Entry], memory: Mapping[str, Handled], now: float) -> list[Entry]:
    """The entries to look at: whole, and neither refused as they are nor asked for a moment ago."""
    return [
        entry
        for entry in entries
        if now - entry.changed_at >= SETTLED_SECONDS and _is_due(entry, memory.get(_digest(entry.address)), now)
    ]


def _is_due(entry: Entry, handled: Handled | None, now: float) -> bool:
    if handled is None or handled.state != _digest(entry.signature):
        return True
    return not handled.is_refused and now >= handled.again_at


def export_inbox_sensor(seconds: int = 30) -> dg.SensorDefinition:
    """Looks into the inbox every so many seconds."""

    @dg.sensor(
        name="export_inbox",
        job_name="history_import",
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Takes in the exports that people put into inbox/<user>/, in the home or in the lake's bucket.",
    )
    def export_inbox(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        try:
            return _tick(context.instance, open_inbox(settings()), context.cursor, time.time())
        except UserError as error:
            return dg.SensorResult(skip_reason=str(error))

    return export_inbox


def _tick(instance: dg.DagsterInstance, inbox: Inbox, cursor: str | None, now: float) -> dg.SensorResult:
    """One entry a tick: a run for it, or a sentence."""
    entries = inbox.entries()
    there = {_digest(entry.address) for entry in entries}
    memory = {name: handled for name, handled in read_cursor(cursor).items() if name in there}
    waiting = [
        entry for entry in due(entries, memory, now) if not is_under_way(instance, tags={INBOX_TAG: entry.address})
    ]
    if not waiting:
        said = " ".join([_nothing_to_do(entries, memory), *inbox.problems()])
        return dg.SensorResult(skip_reason=said, cursor=write_cursor(memory))
    entry = waiting[0]
    look = look_at(inbox, entry)
    before = memory.get(_digest(entry.address))
    state = _digest(entry.signature)
    asked = before.asked + 1 if before and before.state == state else 1
    memory[_digest(entry.address)] = Handled(
        state, look.export_hash is None, asked, now + min(30.0 * 2**asked, _LONGEST_WAIT)
    )
    if look.export_hash is None:
        return dg.SensorResult(skip_reason=" ".join(look.refused), cursor=write_cursor(memory))
    key = partition_of(entry.user_id, look.export_hash)
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=f"{key}/{state}/{asked}", partition_key=key, tags={INBOX_TAG: entry.address})
        ],
        dynamic_partitions_requests=[EXPORTS.build_add_request([key])],
        cursor=write_cursor(memory),
    )


def _nothing_to_do(entries: list[Entry], memory: Memory) -> str:
    refused = sum(handled.is_refused for handled in memory.values())
    if not entries:
        return "The inbox is empty."
    if refused == len(entries):
        return f"Nothing new is in the inbox; of {refused} things in it something was refused, and they stay there."
    return f"{len(entries) - refused} things in the inbox are still being copied, or a run has them."


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:16]
