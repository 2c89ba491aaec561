"""`spotify-assets replay`: a range of days from the lake into the warehouse, in one run with one build."""

from datetime import date, datetime
from typing import Annotated

import typer

from spotify_assets.cli.poll import said
from spotify_assets.cli.runs import run_job
from spotify_assets.clock import clock_from, today
from spotify_assets.errors import UserError
from spotify_assets.listening.tick import first_landing
from spotify_assets.settings import Settings, settings
from spotify_assets.storage.lake import open_lake

RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
DAY = ["%Y-%m-%d"]


def replay(
    first: Annotated[datetime | None, typer.Option("--from", formats=DAY, help="First UTC day of fetching.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=DAY, help="Last UTC day of fetching.")] = None,
) -> None:
    """Load what was landed on a range of days again, calling nobody; by default everything in the lake.

    Example: spotify-assets replay --from 2026-01-01 --to 2026-01-31
    """
    typer.echo(replay_days(settings(), first.date() if first else None, last.date() if last else None))


def replay_days(chosen: Settings, first: date | None, last: date | None) -> str:
    """Replays the days, from the first landing to today where none are given. Raises `UserError`."""
    landed = first_landing(open_lake(chosen))
    if landed is None:
        return "The lake is empty: there is nothing to replay."
    start = first or landed
    if start < chosen.lake_start:
        raise UserError(
            f"{start} lies before LAKE_START, {chosen.lake_start}: set LAKE_START={start}, or give a later --from."
        )
    now = today(clock_from(chosen))
    end = min(last or now, now)
    if end < start:
        raise UserError(f"{end} lies before {start}: give --from and --to in order.")
    tags = {RANGE_START: start.isoformat(), RANGE_END: end.isoformat()}
    return said(run_job("replay", chosen, tags=tags))
