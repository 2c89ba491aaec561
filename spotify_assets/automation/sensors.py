"""The sensors. All are RUNNING as soon as the code location is loaded by a daemon."""

import dagster as dg

from spotify_assets.automation.backlog import metadata_backlog_sensor
from spotify_assets.automation.inbox import export_inbox_sensor


def sensors() -> dg.Definitions:
    """`export_inbox` takes in what people put into the inbox; `metadata_backlog` asks for what is not described yet."""
    return dg.Definitions(sensors=[export_inbox_sensor(), metadata_backlog_sensor()])
