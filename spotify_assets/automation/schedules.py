"""The schedules. All are RUNNING as soon as the code location is loaded by a daemon."""

import dagster as dg

from spotify_assets.automation.charts import charts_schedule
from spotify_assets.automation.connections import connections_schedule


def schedules() -> dg.Definitions:
    """`connections_daily` looks at everything that is connected; the charts are asked for until they are there."""
    return dg.Definitions(schedules=[connections_schedule(), charts_schedule()])
