"""Looks at Dagster: where its history lies, whether its daemon lives, and what that runs."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import dagster as dg

from spotify_assets.clock import SystemClock
from spotify_assets.health.findings import Finding

DAGSTER = "Dagster"
# The daemon notes its life every 30 seconds.
LATELY = timedelta(minutes=5)
OpenInstance = Callable[[], AbstractContextManager[dg.DagsterInstance]]


def look_at_dagster(open_instance: OpenInstance) -> Finding:
    """Without a daemon nothing runs by itself, which is yellow: cron may run `spotify-assets poll` instead."""
    with open_instance() as instance:
        storage = type(instance.run_storage).__name__.removesuffix("RunStorage")
        where = "history that ends with this process" if instance.is_ephemeral else instance.root_directory
        beats = [beat.timestamp for beat in instance.get_daemon_heartbeats().values()]
        running = [state for state in instance.all_instigator_state() if state.is_running]
    kept = f"{where}, in {storage}"
    kinds = [state.instigator_type.value for state in running]
    count = f"{kinds.count('SCHEDULE')} schedules and {kinds.count('SENSOR')} sensors are running"
    if not beats:
        return Finding(DAGSTER, "yellow", f"{kept}; no daemon ever ran, so nothing runs by itself", _START)
    # Daemons live in the machine's time, whatever the clock of the pipeline says.
    newest = datetime.fromtimestamp(max(beats), UTC)
    if SystemClock().now() - newest > LATELY:
        return Finding(DAGSTER, "yellow", f"{kept}; no daemon since {newest:%Y-%m-%d %H:%M} UTC", _START)
    return Finding(DAGSTER, "green", f"{kept}; the daemon lives, {count}")


_START = "start `make dev` or `dagster-daemon run`, or run `spotify-assets poll` by cron"
