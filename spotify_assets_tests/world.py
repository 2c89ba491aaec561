"""A whole installation for a test: a warehouse, a lake, a simulated Spotify, and the environment that joins them.

Ticks run in this process (quick, one after the other) or as `spotify-assets poll` in a process of its own.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from cryptography.fernet import Fernet

from spotify_assets.cli.poll import tick
from spotify_assets.cli.replay import replay_days
from spotify_assets.clock import clock_from
from spotify_assets.settings import Settings, settings
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.spotify.client import SpotifyClient
from spotify_assets.spotify.exchange import new_session
from spotify_assets.spotify.oauth import SpotifyApp
from spotify_assets.spotify.tokens import TokenStore
from spotify_assets.storage.secrets import TokenCipher
from spotify_assets.storage.warehouse import Warehouse

REDIRECT_URI = "http://127.0.0.1/callback"
ZONE = "Europe/Berlin"


@dataclass
class World:
    """`environment` holds every variable that the installation needs; all of them are set in this process too."""

    warehouse: Warehouse
    simulator: SimulatorServer
    home: Path
    environment: dict[str, str] = field(repr=False)

    def at(self, moment: datetime) -> None:
        """Sets the clock of every process of this world."""
        requests.post(self.simulator.clock_url, json={"now": moment.isoformat()}, timeout=10).raise_for_status()

    def tick(self) -> str:
        """One tick in this process; returns what `spotify-assets poll` would print."""
        return tick(settings())

    def replay(self) -> str:
        return replay_days(settings(), None, None)

    def command(self, *words: str, **extra: str) -> "subprocess.CompletedProcess[str]":
        """`spotify-assets …` in a process of its own, to its end."""
        with self.start(*words, **extra) as process:
            out, err = process.communicate(timeout=180)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def start(self, *words: str, **extra: str) -> "subprocess.Popen[str]":
        """The same, started and not waited for, in a process group of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "spotify_assets.cli", *words],
            env={**_plain_environment(), **self.environment, **extra},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def rows(self, query: str, parameters: Sequence[object] | None = None) -> list[tuple[object, ...]]:
        with self.warehouse.connect() as connection:
            return list(connection.execute(query.encode(), parameters).fetchall())

    def login(self, user_id: str, simulated: str | None = None) -> None:
        """The authorization-code flow for a listener of the simulator, consenting now."""
        chosen, clock = settings(), clock_from(settings())
        app = SpotifyApp.from_settings(chosen)
        url = f"{app.authorize_url(REDIRECT_URI, 'state')}&_sim_user={simulated or user_id}"
        location = requests.get(url, allow_redirects=False, timeout=10).headers["Location"]
        answer = app.exchange_code(parse_qs(urlsplit(location).query)["code"][0], REDIRECT_URI)
        with new_session() as session:
            me = SpotifyClient(session, app.api_url, lambda _: answer.access_token.get_secret_value(), clock).me()
        store = TokenStore(self.warehouse, TokenCipher.from_settings(chosen), clock)
        store.save_login(user_id, answer, clock.now(), me, ZONE, app.api_url)


def _plain_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}


@contextmanager
def a_world(
    monkeypatch: pytest.MonkeyPatch,
    warehouse: Warehouse,
    home: Path,
    config: SimulatorConfig,
    extra: Mapping[str, str] | None = None,
) -> Iterator[World]:
    """Starts the simulator, sets the environment, and connects the first listener of `config` under their own name."""
    with SimulatorServer(config) as simulator:
        environment = {
            "SPOTIFY_API_URL": simulator.api_url,
            "SPOTIFY_ACCOUNTS_URL": simulator.accounts_url,
            "SPOTIFY_CLIENT_ID": config.client_id,
            "SPOTIFY_CLIENT_SECRET": config.client_secret,
            "SPOTIFY_ASSETS_CLOCK": simulator.clock_url,
            "SPOTIFY_ASSETS_HOME": str(home),
            "DATABASE_URL": warehouse.dsn,
            "TOKEN_ENCRYPTION_KEY": Fernet.generate_key().decode(),
            "DAGSTER_HOME": str(home / "dagster"),
            **(extra or {}),
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()
        world = World(warehouse, simulator, home, environment)
        for name in config.listeners:
            world.login(name)
        yield world
        settings.cache_clear()


def snapshot(warehouse: Warehouse, *schemas: str) -> dict[str, list[tuple[object, ...]]]:
    """All rows and columns of all tables of these schemas, in a stated order, by table."""
    with warehouse.connect() as connection:
        tables = connection.execute(
            """
            select table_schema || '.' || table_name
            from information_schema.tables
            where table_schema = any(%s)
            order by 1
            """,
            (list(schemas or ("raw", "intermediate", "marts")),),
        ).fetchall()
        return {
            str(name): list(connection.execute(f"select t::text from {name} as t order by 1").fetchall())
            for (name,) in tables
        }



