"""`spotify-assets demo`: a simulated Spotify, one listener, a week of polls, and what comes out of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic
from urllib.parse import urlsplit

import requests
from rich.console import Console
from rich.progress import track
from rich.table import Table

from spotify_assets.cli.poll import tick
from spotify_assets.cli.runs import run_job
from spotify_assets.clock import clock_from, today
from spotify_assets.errors import UserError
from spotify_assets.fetched import ASKED_ON_TAG
from spotify_assets.settings import Settings, is_loopback, settings
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.consent import REDIRECT_URI, Consent
from spotify_assets.spotify.oauth import SpotifyApp
from spotify_assets.storage.warehouse import Warehouse, open_warehouse

LISTENER = "demo"
SPAN = timedelta(days=7)
BETWEEN_POLLS = timedelta(hours=8)
"""A listener of 55 plays a day fills the 50 that Spotify keeps in 20 hours or so: 8 hours lose none."""


def demo() -> None:
    """Fill the warehouse from a simulated Spotify and show what a listener sees; run again, it adds what is new.

    Example: spotify-assets demo
    """
    started = monotonic()
    console = Console()
    with simulated_spotify() as simulator:
        chosen = settings()
        warehouse = open_warehouse(chosen)
        _refuse_among_real_listeners(warehouse)
        before = _stored(warehouse)
        moments = _moments(warehouse, datetime.now(UTC))
        _set_clock(simulator, moments[0])
        _connect(chosen, warehouse)
        console.print(f"Spotify is simulated at {simulator.url}; its listener is connected as [b]{LISTENER}[/b].")
        for moment in track(moments[:-1], "Polling the last days", console=console, disable=len(moments) == 1):
            _set_clock(simulator, moment)
            tick(chosen, only=["raw_plays"], with_checks=False)  # the last tick checks what all of them loaded
        _set_clock(simulator, moments[-1])
        console.print("Asking for the world's top 50 …")
        day = today(clock_from(chosen)).isoformat()
        run_job("charts", chosen, partition=day, tags={ASKED_ON_TAG: day}, only=["global_top_50"])
        console.print("Polling now, building the models, checking …")
        tick(chosen)
        _show(console, warehouse, before)
    console.print(f"\nDone in {monotonic() - started:.0f} s. Run it again: it adds only what is new.")
    console.print("See it in Dagster:   [b]make dev[/b], then http://127.0.0.1:3000")
    console.print("Query it:            [b].venv/bin/spotify-assets db psql[/b]")
    console.print("Your own account:    README.md, “Connect your Spotify”")


@contextmanager
def simulated_spotify() -> Iterator[SimulatorServer]:
    """A simulator, with the environment of this process pointing at it and at its clock."""
    config = SimulatorConfig(listeners=(LISTENER,))
    with SimulatorServer(config) as simulator:
        os.environ |= {
            "SPOTIFY_API_URL": simulator.api_url,
            "SPOTIFY_ACCOUNTS_URL": simulator.accounts_url,
            "SPOTIFY_CLIENT_ID": config.client_id,
            "SPOTIFY_CLIENT_SECRET": config.client_secret,
            "SPOTIFY_ASSETS_CLOCK": simulator.clock_url,
            **simulator.outside,
        }
        os.environ.pop("SPOTIFY_REFRESH_TOKEN", None)
        settings.cache_clear()
        yield simulator


def _set_clock(simulator: SimulatorServer, moment: datetime) -> None:
    requests.post(simulator.clock_url, json={"now": moment.isoformat()}, timeout=10).raise_for_status()


def _refuse_among_real_listeners(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        rows = connection.execute("select user_id, api_url from ops.listeners").fetchall()
        imported = connection.execute("select distinct user_id from raw.export_files").fetchall()
    real = sorted(
        {user_id for user_id, api_url in rows if not is_loopback(api_url)}
        | {user_id for (user_id,) in imported if user_id != LISTENER}
    )
    if real:
        raise UserError(
            f"This warehouse holds the plays of {', '.join(real)}, and the demo's made-up ones don't belong beside "
            "them: run it with SPOTIFY_ASSETS_HOME set to another folder, and without DATABASE_URL and LAKE_URL."
        )


def _moments(warehouse: Warehouse, now: datetime) -> list[datetime]:
    """When to poll, so that nothing is missed since the last demo, a week back at most; the last is now."""
    with warehouse.connect() as connection:
        row = connection.execute(
            "select max(fetched_at) from ops.landed_objects where user_id = %s", (LISTENER,)
        ).fetchone()
    moment = max(now - SPAN, row[0] + BETWEEN_POLLS) if row and row[0] else now - SPAN
    moments = []
    while moment < now:
        moments.append(moment)
        moment += BETWEEN_POLLS
    return [*moments, now]


def _connect(chosen: Settings, warehouse: Warehouse) -> None:
    """The authorization-code flow, as a browser would go through it, with the simulator's listener consenting."""
    consent = Consent.to_ask(SpotifyApp.from_settings(chosen), LISTENER, REDIRECT_URI)
    answer = requests.get(consent.address, allow_redirects=False, timeout=10)
    query = urlsplit(answer.headers.get("Location", "")).query
    if not consent.is_answer(query):
        raise UserError("The simulated Spotify did not send a code back; please report this with the command you ran.")
    spotify = SpotifyAccess.open(chosen, warehouse, clock_from(chosen))
    consent.log_in(consent.code_in(query), spotify, "Europe/Berlin")


def _stored(warehouse: Warehouse) -> int:
    with warehouse.connect() as connection:
        row = connection.execute("select count(*) from raw.plays where user_id = %s", (LISTENER,)).fetchone()
    return int(row[0]) if row else 0


def _show(console: Console, warehouse: Warehouse, before: int) -> None:
    with warehouse.connect() as connection:
        stored, hours, first, last = connection.execute(
            """
            select count(*), round(sum(t.duration_ms) / 3600000.0, 1), min(p.played_at), max(p.played_at)
            from marts.fct_plays as p
            left join marts.dim_tracks as t using (track_id)
            where p.user_id = %s
            """,
            (LISTENER,),
        ).fetchone() or (0, 0, None, None)
    console.print(
        f"\n[b]{stored} plays[/b], {stored - before} of them new, about {hours} hours at the tracks' length, "
        f"from {first:%d %b %H:%M} to {last:%d %b %H:%M} UTC."
    )
    console.print(_top(warehouse, "artist", "Top artists"))
    console.print(_top(warehouse, "track", "Top tracks"))


def _top(warehouse: Warehouse, what: str, title: str) -> Table:
    names = {"artist": "t.artist_name", "track": "concat_ws(' – ', t.track_name, t.main_artist_name)"}
    with warehouse.connect() as connection:
        rows = connection.execute(
            f"""
            select t.rank, {names[what]}, t.plays
            from marts.top_{what}s as t
            where t.user_id = %s and t.period_kind = 'all_time' and t.rank <= 5
            order by t.rank, 2
            limit 5
            """,
            (LISTENER,),
        ).fetchall()
    table = Table("#", what, "plays", title=title, title_justify="left")
    for row in rows:
        table.add_row(*map(str, row))
    return table
