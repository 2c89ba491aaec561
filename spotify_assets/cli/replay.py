"""`spotify-assets replay`: a range of days from the lake into the warehouse, in one run with one build."""

from datetime import date, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from spotify_assets.cli.poll import said
from spotify_assets.cli.runs import run_job
from spotify_assets.clock import clock_from, today
from spotify_assets.errors import UserError
from spotify_assets.fetched import RANGE_END_TAG, RANGE_START_TAG
from spotify_assets.listening.exports.lake_exports import all_keys
from spotify_assets.listening.exports.loading import load_keys
from spotify_assets.listening.exports.manifest import DATASET as EXPORTS
from spotify_assets.loaders import LOADERS
from spotify_assets.settings import Settings, settings
from spotify_assets.storage.lake import Lake, open_lake
from spotify_assets.storage.landed import first_landing
from spotify_assets.storage.landing import while_nobody_is_erased
from spotify_assets.storage.warehouse import open_warehouse

DAY = ["%Y-%m-%d"]


def replay(
    first: Annotated[datetime | None, typer.Option("--from", formats=DAY, help="First UTC day of fetching.")] = None,
    last: Annotated[datetime | None, typer.Option("--to", formats=DAY, help="Last UTC day of fetching.")] = None,
) -> None:
    """Load what was landed on a range of days again, calling nobody; by default everything in the lake, exports too.

    Example: spotify-assets replay --from 2026-01-01 --to 2026-01-31
    """
    typer.echo(replay_days(settings(), first.date() if first else None, last.date() if last else None))


def replay_days(chosen: Settings, first: date | None, last: date | None) -> str:
    """Replays the days, from the first landing to today where none are given, and then exports first.

    Raises `UserError`.
    """
    lake = open_lake(chosen)
    exports = replay_exports(chosen, lake) if first is None and last is None else None
    firsts = [day for dataset in LOADERS if dataset != EXPORTS and (day := first_landing(lake, dataset))]
    landed = min(firsts, default=None)
    if landed is None and not exports:
        return "The lake is empty: there is nothing to replay."
    now = today(clock_from(chosen))
    start = first or landed or now
    if start < chosen.lake_start:
        raise UserError(
            f"{start} lies before LAKE_START, {chosen.lake_start}: set LAKE_START={start}, or give a later --from."
        )
    end = min(last or now, now)
    if end < start:
        raise UserError(f"{end} lies before {start}: give --from and --to in order.")
    tags = {RANGE_START_TAG: start.isoformat(), RANGE_END_TAG: end.isoformat()}
    done = said(run_job("replay", chosen, tags=tags))
    if landed is None:
        return str(exports)
    return f"{done} {exports}" if exports else done


def replay_exports(chosen: Settings, lake: Lake) -> str | None:
    """Loads every export in the lake again; says how much that was, or None where there is none."""
    keys = all_keys(lake)
    if not keys:
        return None
    warehouse = open_warehouse(chosen)
    console = Console(stderr=True)
    with while_nobody_is_erased(warehouse):
        shown = track(keys, "Loading exports", console=console, disable=not console.is_terminal)
        loaded = load_keys(warehouse, lake, shown)
    return f"{loaded.rows_kept:,} rows of exports in {loaded.files} files."
