"""The schedule of the ticks: every 30 minutes, quiet where there is nobody to ask about and nothing to bring in."""

from datetime import timedelta

import dagster as dg
import psycopg

from spotify_assets.automation.under_way import is_under_way
from spotify_assets.clock import Clock, clock_from, today
from spotify_assets.errors import UserError
from spotify_assets.fetched import ASKED_ON_TAG
from spotify_assets.modelling.builds import is_behind
from spotify_assets.settings import Settings, settings
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.blocks import blocked_until
from spotify_assets.spotify.verdicts import LONGEST_SLEEP
from spotify_assets.storage.postgres_home import PostgresHome
from spotify_assets.storage.warehouse import open_warehouse

PATIENCE = timedelta(minutes=45)
"""One tick is left out for a run that is under way. A run that hangs, or whose machine died, holds up no second one:
two at once give the same rows."""


def listening_schedule(cron: str = "7,37 * * * *") -> dg.ScheduleDefinition:
    """Asks for a tick, away from the full hour, at which token refreshes were seen to fail."""

    @dg.schedule(
        name="listening_every_30_minutes",
        job_name="listening",
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="One tick every half hour: ask Spotify for everybody's newest plays, land, load, build and check.",
    )
    def listening_every_30_minutes(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        try:
            chosen = settings()
            clock = clock_from(chosen)
            now, day = clock.now(), today(clock).isoformat()
        except UserError as error:
            return dg.SkipReason(str(error))
        if is_under_way(context.instance, "listening", since=now - PATIENCE):
            return dg.SkipReason("A run of listening is under way; the next tick asks again.")
        reason = _reason_to_skip(chosen, clock)
        if reason:
            return dg.SkipReason(reason)
        return dg.RunRequest(
            run_key=context.scheduled_execution_time.isoformat(), partition_key=day, tags={ASKED_ON_TAG: day}
        )

    return listening_every_30_minutes


def _reason_to_skip(chosen: Settings, clock: Clock) -> str | None:
    """What keeps even the look from being made (Postgres is down, say) is the run's to tell: a failed run is noticed,
    a tick that was left out is not."""
    try:
        return nothing_to_do(chosen, clock)
    except UserError:
        return None


def nothing_to_do(chosen: Settings, clock: Clock) -> str | None:
    """Why no tick is needed now, in a sentence; None where one is. Calls nobody.

    Where nobody can be asked, a tick still moves what waits in the spool and builds what a run left to build.
    """
    is_untouched = chosen.database_url is None and PostgresHome(chosen.home_path).data() is None
    if is_untouched and chosen.spotify_refresh_token is None:
        return "Nothing has been stored yet, and nobody is connected: `spotify-assets login` connects a listener."
    warehouse = open_warehouse(chosen)
    spotify = SpotifyAccess.open(chosen, warehouse, clock)
    listeners = spotify.listeners()
    now = clock.now()
    with warehouse.connect() as connection:
        block = blocked_until(connection, spotify.api_url, now)
        if is_anything_waiting(connection):
            return None
    if not listeners:
        return "Nobody is connected: `spotify-assets login` connects a listener."
    if chosen.spotify_client_id is None:
        return "SPOTIFY_CLIENT_ID is not set, so Spotify can't be asked."
    return block.reason if block and (block.until - now).total_seconds() > LONGEST_SLEEP else None


def is_anything_waiting(connection: psycopg.Connection) -> bool:
    """Whether payloads wait for the lake in `ops.spool`, or loaded rows for a build."""
    row = connection.execute("select exists (select from ops.spool)").fetchone()
    return bool(row and row[0]) or is_behind(connection)
