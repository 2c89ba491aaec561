"""The sensors. All are RUNNING as soon as the code location is loaded by a daemon."""

import dagster as dg

from spotify_assets.automation.inbox import export_inbox_sensor


def sensors() -> dg.Definitions:
    """`export_inbox` takes in the exports that people put into the inbox."""
    return dg.Definitions(sensors=[export_inbox_sensor()])
