"""What the assets whose data is fetched share: which days a run is about, whether it asks, and how it fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import dagster as dg

from spotify_assets.clock import Clock, today
from spotify_assets.days import asks_outside, past
from spotify_assets.errors import UserError
from spotify_assets.storage.lake import Lake
from spotify_assets.storage.landed import first_landing, in_order_of_fetching, landed_on

REPLAY_TAG = "spotify_assets/replay"
ASKED_ON_TAG = "spotify_assets/asked_on"
RANGE_START_TAG, RANGE_END_TAG = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@contextmanager
def a_sentence_for_a_person() -> Iterator[None]:
    """A problem that a person can fix fails the run with its sentence, and is not tried again by itself."""
    try:
        yield
    except UserError as error:
        raise dg.Failure(str(error), allow_retries=False) from error


@dataclass(frozen=True)
class Days:
    """The partitions of a run. `asks` tells whether it calls the outside world; else it loads the lake again."""

    days: list[date]
    asks: bool
    is_replay: bool

    @property
    def last(self) -> date:
        return self.days[-1]

    def landed(
        self, lake: Lake, *datasets: str, things: str = "pages", gone: str | None = None
    ) -> tuple[list[str], str]:
        """The keys of what was landed on these days, oldest first, and what loading them means, in a sentence.

        Raises `PastIsGone` where `gone` says why nothing can be had any more (see `days.past`).
        """
        keys = in_order_of_fetching({key for dataset in datasets for key in landed_on(lake, dataset, self.days)})
        firsts = [day for dataset in datasets if (day := first_landing(lake, dataset))]
        first = min(firsts, default=None)
        said = past(self.days, landed=keys, first_landing=first, is_replay=self.is_replay, things=things, gone=gone)
        return keys, said


def days_of(context: dg.AssetExecutionContext, clock: Clock) -> Days:
    """The days that a run materializes."""
    days = [date.fromisoformat(key) for key in context.partition_keys]
    is_replay = REPLAY_TAG in context.run.tags
    asks = asks_outside(days, today=today(clock), asked_on=_asked_on(context, clock), is_replay=is_replay)
    return Days(days, asks, is_replay)


def _asked_on(context: dg.AssetExecutionContext, clock: Clock) -> date:
    """The UTC day on which the run was asked for: when Dagster noted it down, or its tag where the time is made up."""
    if clock.is_real:
        record = context.instance.get_run_record_by_id(context.run.run_id)
        return record.create_timestamp.date() if record else today(clock)
    tag = context.run.tags.get(ASKED_ON_TAG)
    return date.fromisoformat(tag) if tag else today(clock)
