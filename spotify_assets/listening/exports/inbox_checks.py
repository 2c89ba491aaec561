"""The asset check `inbox_is_taken_in` on `streaming_history`: exports that lie in the inbox for too long."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import dagster as dg

from spotify_assets.clock import Clock
from spotify_assets.listening.exports.inbox import Entry, Inbox
from spotify_assets.questions import Verdict, what_to_expect

LONGEST = timedelta(hours=2)
"""Twice the longest wait of the sensor between two attempts."""
NAMED = 5


def verdict(entries: Sequence[Entry], now: datetime, problems: Sequence[str] = ()) -> Verdict:
    """Judges what lies in the inbox at `now`, and what can't be looked into."""
    if problems:
        return Verdict(False, " ".join(problems))
    waiting = sorted(
        (entry for entry in entries if now.timestamp() - entry.changed_at > LONGEST.total_seconds()),
        key=lambda entry: entry.changed_at,
    )
    if not waiting:
        return Verdict(True, "Nothing lies in the inbox." if not entries else f"{len(entries)} in the inbox are new.")
    named = ", ".join(f"{entry.address} ({_hours(entry, now)} h)" for entry in waiting[:NAMED])
    more = f" and {len(waiting) - NAMED} more" if len(waiting) > NAMED else ""
    return Verdict(
        False,
        f"{len(waiting)} in the inbox have not been taken in: {named}{more}. The ticks of the sensor export_inbox and "
        "the runs of history_import say why; what is no export is taken out by hand.",
    )


def _hours(entry: Entry, now: datetime) -> int:
    return int((now.timestamp() - entry.changed_at) // 3600)


def inbox_is_taken_in() -> dg.AssetChecksDefinition:
    """The check."""

    @dg.asset_check(
        asset="streaming_history",
        name="inbox_is_taken_in",
        description=f"No export has lain in the inbox for more than {LONGEST / timedelta(hours=1):.0f} hours.",
        metadata=what_to_expect("WARN", "see why in the ticks of export_inbox; take out by hand what is no export"),
    )
    def check(inbox: dg.ResourceParam[Inbox], clock: dg.ResourceParam[Clock]) -> dg.AssetCheckResult:
        return verdict(inbox.entries(), clock.now(), inbox.problems()).as_warning()

    return check
