"""The daily partitions that all fetched data shares: a partition is the UTC day on which the payload was fetched."""

from datetime import date

import dagster as dg


def fetch_days(lake_start: date) -> dg.DailyPartitionsDefinition:
    """UTC days from `lake_start` up to and including today, whose data can still be fetched."""
    return dg.DailyPartitionsDefinition(start_date=lake_start.isoformat(), timezone="UTC", end_offset=1)
