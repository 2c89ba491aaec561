"""The sensor `metadata_backlog`: asks for a run of `enrichment` when something is unknown and may be asked for."""

import dagster as dg

from spotify_assets.automation.under_way import is_under_way
from spotify_assets.catalog import backlog
from spotify_assets.catalog.objects import COLUMNS
from spotify_assets.clock import Clock, clock_from, today
from spotify_assets.errors import UserError
from spotify_assets.fetched import ASKED_ON_TAG
from spotify_assets.settings import Settings, settings
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.storage.postgres_home import PostgresHome
from spotify_assets.storage.warehouse import Warehouse, open_warehouse


def metadata_backlog_sensor(seconds: int = 1800) -> dg.SensorDefinition:
    """Looks at the backlog every so many seconds."""

    @dg.sensor(
        name="metadata_backlog",
        job_name="enrichment",
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks Spotify and MusicBrainz for what is missing, while the budget of requests lasts.",
    )
    def metadata_backlog(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        try:
            chosen = settings()
            if chosen.database_url is None and PostgresHome(chosen.home_path).data() is None:
                return dg.SkipReason("Nothing has been stored yet.")
            clock = clock_from(chosen)
            reason = nothing_to_do(chosen, open_warehouse(chosen), clock)
            if reason:
                return dg.SkipReason(reason)
            day = today(clock).isoformat()
        except UserError as error:
            return dg.SkipReason(str(error))
        if is_under_way(context.instance, "enrichment"):
            return dg.SkipReason("A run of enrichment is under way.")
        return dg.RunRequest(partition_key=day, tags={ASKED_ON_TAG: day})

    return metadata_backlog


def nothing_to_do(chosen: Settings, warehouse: Warehouse, clock: Clock) -> str | None:
    """Why no run is needed; None where one is. Asks nobody but the warehouse."""
    now = clock.now()
    with warehouse.connect() as connection:
        waiting = backlog.counts(connection, now)
        stale = any(backlog.stale(connection, kind, now, 1) for kind in COLUMNS)
        genres = chosen.musicbrainz_url is not None and bool(backlog.genres_wanted(connection, now, 1))
    if genres:
        return None
    if not waiting and not stale:
        return "Everything that was played is described."
    spotify = SpotifyAccess.open(chosen, warehouse, clock)
    if not any(listener.status == "connected" for listener in spotify.listeners()):
        return "Nobody is connected, so Spotify can't be asked."
    return spotify.governor.no_room("enrichment")
