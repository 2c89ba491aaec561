"""`python -m spotify_assets_tests.charts.process` is one attempt at today's chart; `CRASH_AT` as in crashing.py."""

import os

from spotify_assets_tests.crashing import arm

if __name__ == "__main__":
    if crash_at := os.environ.get("CRASH_AT"):
        moment, count = crash_at.split(":")
        arm(moment, int(count))
    from spotify_assets.charts.attempt import attempt
    from spotify_assets.charts.sources import open_sources
    from spotify_assets.clock import clock_from
    from spotify_assets.settings import settings
    from spotify_assets.spotify.access import SpotifyAccess
    from spotify_assets.storage.lake import open_lake
    from spotify_assets.storage.warehouse import open_warehouse

    chosen = settings()
    clock, warehouse = clock_from(chosen), open_warehouse(chosen)
    with open_sources(chosen, SpotifyAccess.open(chosen, warehouse, clock), clock) as sources:
        attempt(warehouse, open_lake(chosen), sources, clock.now())
