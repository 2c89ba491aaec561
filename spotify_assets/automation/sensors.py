"""The sensors. All are RUNNING as soon as the code location is loaded by a daemon."""

import dagster as dg

from spotify_assets.automation.alerts.sensor import slack_alerts_sensor
from spotify_assets.automation.backlog import metadata_backlog_sensor
from spotify_assets.automation.inbox import export_inbox_sensor
from spotify_assets.automation.left_over import landed_but_not_loaded_sensor


def sensors() -> dg.Definitions:
    """`export_inbox` takes in what people put into the inbox; `metadata_backlog` asks for what is not described yet;
    `landed_but_not_loaded` loads what lies in the lake and was never loaded; `slack_alerts` tells what fails.
    """
    return dg.Definitions(
        sensors=[
            export_inbox_sensor(),
            metadata_backlog_sensor(),
            landed_but_not_loaded_sensor(),
            slack_alerts_sensor(),
        ]
    )
