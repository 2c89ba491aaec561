"""What the job `freshness` looks at, and when: checks that need no run that fetches, and speak when none comes.

Here is also which checks ticks leave out: these, and those that read whole tables (the nightly audit's).
"""

import dagster as dg

from spotify_assets.automation.under_way import is_under_way
from spotify_assets.clock import clock_from
from spotify_assets.errors import UserError
from spotify_assets.modelling import drift_checks
from spotify_assets.settings import settings
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.storage.postgres_home import PostgresHome
from spotify_assets.storage.warehouse import Warehouse, open_warehouse

_ONLY_HERE = {
    "raw_plays": (
        "listeners_are_asked_about",
        "nothing_waits_in_the_spool",
        "requests_last_the_day",
        "volume_is_as_usual",
    ),
    "streaming_history": ("inbox_is_taken_in",),
}
_ALSO_HERE = {"global_top_50": ("chart_is_recent",)}


def _keys(checks: dict[str, tuple[str, ...]]) -> list[dg.AssetCheckKey]:
    return [dg.AssetCheckKey(dg.AssetKey(asset), name) for asset, names in checks.items() for name in names]


def keys_of_their_own_time() -> list[dg.AssetCheckKey]:
    """The checks that no job takes along that fetches, loads or builds."""
    return [*_keys(_ONLY_HERE), *drift_checks.keys()]


def at_their_own_time() -> dg.AssetSelection:
    """The same, as what such jobs leave out."""
    return dg.AssetSelection.checks(*keys_of_their_own_time())


def freshness_checks() -> dg.AssetSelection:
    """The checks of the job: it fetches, loads and builds nothing, and takes no lock that others wait for."""
    return dg.AssetSelection.checks(*_keys(_ONLY_HERE | _ALSO_HERE))


def freshness_schedule(cron: str = "22,52 * * * *") -> dg.ScheduleDefinition:
    """Between two ticks: what it looks at may be an hour late."""

    @dg.schedule(
        name="freshness_every_30_minutes",
        job_name="freshness",
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Says what has not come in time, also when the runs that fetch die or never begin.",
    )
    def freshness_every_30_minutes(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        try:
            chosen = settings()
            if chosen.database_url is None and PostgresHome(chosen.home_path).data() is None:
                return dg.SkipReason("Nothing has been stored yet.")
            warehouse = open_warehouse(chosen)
            spotify = SpotifyAccess.open(chosen, warehouse, clock_from(chosen))
            if not is_anything_expected(warehouse, spotify):
                return dg.SkipReason("Nobody is connected and no chart was ever fetched, so nothing is expected.")
        except UserError as error:
            return dg.SkipReason(str(error))
        if is_under_way(context.instance, "freshness"):
            return dg.SkipReason("A run of freshness is under way.")
        return dg.RunRequest(run_key=context.scheduled_execution_time.isoformat())

    return freshness_every_30_minutes


def is_anything_expected(warehouse: Warehouse, spotify: SpotifyAccess) -> bool:
    """Whether anything should keep coming: plays of somebody who is connected, or charts."""
    if any(listener.status == "connected" for listener in spotify.listeners()):
        return True
    with warehouse.connect() as connection:
        return connection.execute("select exists (select from ops.chart_pages)").fetchone() == (True,)
