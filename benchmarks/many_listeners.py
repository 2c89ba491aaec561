"""What one tick costs with 3, 30 and 300 listeners of an app with extended quota, when every answer takes 100 ms.

For each size: a simulated Spotify in a process of its own, an embedded Postgres, everybody logged in; then one tick
after another (poll, land, load), each in a new process and timed after its imports. Prints seconds, the most calls
under way at once, and the process's largest memory. The cold tick refreshes every token, the warm ones none.

    python benchmarks/many_listeners.py [listeners…]
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import requests

from spotify_assets.simulator.config import SimulatorConfig, listener_names

LATENCY = 0.1
WARM_TICKS = 3
REDIRECT_URI = "http://127.0.0.1/callback"
APP = SimulatorConfig()


def start_simulator(listeners: int) -> tuple["subprocess.Popen[str]", str]:
    """A simulator of an extended app whose listeners' clock is the real one; returns its process and address."""
    words = ["--listeners", str(listeners), "--tier", "extended"]
    process = subprocess.Popen(
        [sys.executable, "-m", "spotify_assets.simulator", *words], stdout=subprocess.PIPE, text=True
    )
    return process, process.stdout.readline().strip() if process.stdout else ""


def log_in(user: str) -> None:
    """One listener's consent, as a browser would give it."""
    from spotify_assets.clock import clock_from
    from spotify_assets.settings import settings
    from spotify_assets.spotify.access import SpotifyAccess
    from spotify_assets.spotify.consent import Consent
    from spotify_assets.spotify.oauth import SpotifyApp
    from spotify_assets.storage.warehouse import open_warehouse

    chosen = settings()
    spotify = SpotifyAccess.open(chosen, open_warehouse(chosen), clock_from(chosen))
    consent = Consent.to_ask(SpotifyApp.from_settings(chosen), user, REDIRECT_URI)
    back = requests.get(f"{consent.address}&_sim_user={user}", allow_redirects=False, timeout=30)
    consent.log_in(parse_qs(urlsplit(back.headers["Location"]).query)["code"][0], spotify, "UTC")


def child() -> None:
    """One tick in this process; prints its seconds and the process's largest memory in MB."""
    import resource
    import time

    from spotify_assets.clock import clock_from
    from spotify_assets.listening.tick import run_tick
    from spotify_assets.settings import settings
    from spotify_assets.spotify.access import SpotifyAccess
    from spotify_assets.storage.lake import open_lake
    from spotify_assets.storage.warehouse import open_warehouse

    chosen = settings()
    warehouse, clock = open_warehouse(chosen), clock_from(chosen)
    start = time.perf_counter()
    tick = run_tick(warehouse, open_lake(chosen), clock, SpotifyAccess.open(chosen, warehouse, clock))
    seconds = time.perf_counter() - start
    print(
        json.dumps(
            {
                "seconds": seconds,
                "mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "answered": len(tick.polled) - len(tick.failures),
                "plays": tick.loaded.plays_new,
            }
        )
    )


def under_way(calls: list[tuple[datetime, datetime]]) -> int:
    """The most intervals that overlap."""
    moves = sorted([(begin, 1) for begin, _ in calls] + [(end, -1) for _, end in calls])
    most = now = 0
    for _, move in moves:
        now += move
        most = max(most, now)
    return most


def measure(listeners: int) -> None:
    """Prints one row of the table."""
    from spotify_assets.settings import settings
    from spotify_assets.storage.embedded import EmbeddedPostgres
    from spotify_assets.storage.warehouse import open_warehouse

    simulator, url = start_simulator(listeners)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {
            "SPOTIFY_ASSETS_HOME": folder,
            "SPOTIFY_API_URL": f"{url}/v1",
            "SPOTIFY_ACCOUNTS_URL": url,
            "SPOTIFY_CLIENT_ID": APP.client_id,
            "SPOTIFY_CLIENT_SECRET": APP.client_secret,
        }
        settings.cache_clear()
        warehouse = open_warehouse(settings())
        try:
            with ThreadPoolExecutor(4) as pool:
                list(pool.map(log_in, listener_names(listeners)))
            with warehouse.connect() as connection:
                connection.execute("update ops.tokens set access_token = null")
            requests.post(f"{url}/_sim/app", json={"latency_seconds": LATENCY}, timeout=10).raise_for_status()
            ticks = []
            for _ in range(1 + WARM_TICKS):
                done = subprocess.run([sys.executable, __file__, "--child"], capture_output=True, text=True, check=True)
                ticks.append(json.loads(done.stdout))
                if ticks[-1]["answered"] != listeners:
                    raise SystemExit(f"not everybody answered: {ticks[-1]}")
            with warehouse.connect() as connection:
                calls = connection.execute("select asked_at, ended_at from ops.requests").fetchall()
        finally:
            EmbeddedPostgres(Path(folder)).destroy()
            simulator.terminate()
    warm = statistics.median(tick["seconds"] for tick in ticks[1:])
    print(
        f"{listeners:9}{ticks[0]['seconds']:12.2f}{warm:12.2f}{1000 * warm / listeners:16.0f}"
        f"{under_way(calls):12}{max(tick['mb'] for tick in ticks):9.0f}{ticks[0]['plays']:9}",
        flush=True,
    )


def main(sizes: list[int]) -> None:
    print("listeners  cold tick s  warm tick s  ms a listener  under way  max MB  plays in the first")
    for listeners in sizes:
        measure(listeners)


if __name__ == "__main__":
    if sys.argv[1:] == ["--child"]:
        child()
    else:
        main([int(word) for word in sys.argv[1:]] or [3, 30, 300])
