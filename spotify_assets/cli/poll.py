"""`spotify-assets poll`: one tick now, in this process."""

from collections.abc import Sequence

import dagster as dg
import typer

from spotify_assets.automation.alerts.heartbeat import ping
from spotify_assets.cli.runs import run_job
from spotify_assets.clock import clock_from, today
from spotify_assets.fetched import ASKED_ON_TAG
from spotify_assets.settings import Settings, settings


def poll() -> None:
    """Ask Spotify for every listener's newest plays, load them, and rebuild what changed.

    Example: spotify-assets poll
    """
    chosen = settings()
    typer.echo(tick(chosen))
    # Where cron runs this, no sensor does it.
    if chosen.heartbeat_url is not None and (problem := ping(chosen.heartbeat_url)):
        typer.echo(problem, err=True)


def tick(chosen: Settings, only: Sequence[str] | None = None, *, with_checks: bool = True) -> str:
    """Runs a tick, or `only` some assets of it; returns what a person wants to know. Raises `UserError`."""
    day = today(clock_from(chosen)).isoformat()
    tags = {ASKED_ON_TAG: day}
    return said(run_job("listening", chosen, partition=day, tags=tags, only=only, with_checks=with_checks))


def said(result: dg.ExecuteInProcessResult) -> str:
    """What a tick did, in a line, from the materialization that the UI shows too."""
    for event in result.get_asset_materialization_events():
        if event.asset_key == dg.AssetKey("raw_plays"):
            metadata = event.materialization.metadata
            new, pages = metadata["plays_new"].value, metadata["pages"].value
            return f"{metadata['what_happened'].value} {new} new plays on {pages} pages."
    return "Done."
