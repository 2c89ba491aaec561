"""`spotify-assets poll`: one tick now, in this process."""

import dagster as dg
import typer

from spotify_assets.cli.runs import run_job
from spotify_assets.clock import clock_from, today
from spotify_assets.listening.assets import ASKED_ON_TAG
from spotify_assets.settings import settings


def poll() -> None:
    """Ask Spotify for every listener's newest plays, load them, and rebuild what changed.

    Example: spotify-assets poll
    """
    day = today(clock_from(settings())).isoformat()
    result = run_job("listening", settings(), partition=day, tags={ASKED_ON_TAG: day})
    typer.echo(said(result))


def said(result: dg.ExecuteInProcessResult) -> str:
    """What a tick did, in a line, from the materialization that the UI shows too."""
    for event in result.get_asset_materialization_events():
        if event.asset_key == dg.AssetKey("raw_plays"):
            metadata = event.materialization.metadata
            new, pages = metadata["plays_new"].value, metadata["pages"].value
            return f"{metadata['what happened'].value} {new} new plays from {pages} pages."
    return "Done."
