"""The schedules. All are RUNNING as soon as the code location is loaded by a daemon."""

import dagster as dg

from spotify_assets.automation.charts import charts_schedule
from spotify_assets.automation.connections import connections_schedule
from spotify_assets.automation.digest.job import weekly_digest_schedule
from spotify_assets.automation.freshness import freshness_schedule
from spotify_assets.automation.housekeeping import housekeeping_schedule
from spotify_assets.automation.listening import listening_schedule
from spotify_assets.automation.nightly import nightly_audit_schedule


def schedules() -> dg.Definitions:
    """Ticks, charts and a look at what comes in time; daily audit, housekeeping and connections; weekly a digest."""
    return dg.Definitions(
        schedules=[
            listening_schedule(),
            charts_schedule(),
            freshness_schedule(),
            nightly_audit_schedule(),
            housekeeping_schedule(),
            connections_schedule(),
            weekly_digest_schedule(),
        ]
    )
