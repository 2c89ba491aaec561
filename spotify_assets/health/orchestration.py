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
        if instance.is_ephemeral:
            says = "a history that ends with this process, in which nothing runs by itself"
            return Finding(DAGSTER, "yellow", says, "set DAGSTER_HOME, or use `make dev`")
        storage = type(instance.run_storage).__name__.removesuffix("RunStorage")
        beats = [beat.timestamp for beat in instance.get_daemon_heartbeats().values()]
        where = instance.root_directory
        running = [state for state in instance.all_instigator_state() if state.is_running]
    kept = f"{where}, in {storage}"
    kinds = [state.instigator_type.value for state in running]
    count = f"running schedules: {kinds.count('SCHEDULE')}, sensors: {kinds.count('SENSOR')}"
    if not beats:
        return Finding(DAGSTER, "yellow", f"{kept}; no daemon ever ran, so nothing runs by itself", _START)
    # Daemons live in the machine's time, whatever the clock of the pipeline says.
    newest = datetime.fromtimestamp(max(beats), UTC)
    if SystemClock().now() - newest > LATELY:
        return Finding(DAGSTER, "yellow", f"{kept}; no daemon since {newest:%Y-%m-%d %H:%M} UTC", _START)
    return Finding(DAGSTER, "green", f"{kept}; the daemon lives; {count}")


_START = "start `make dev` or `dagster-daemon run`, or run `spotify-assets poll` by cron"
