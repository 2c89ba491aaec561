"""A whole installation for a test: a warehouse, a lake, a simulated Spotify, and the environment that joins them.

Ticks run in this process (quick, one after the other) or as `spotify-assets poll` in a process of its own.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
import requests
from cryptography.fernet import Fernet

from spotify_assets.cli.poll import tick
from spotify_assets.cli.replay import replay_days
from spotify_assets.clock import clock_from
from spotify_assets.listening.tick import Tick, run_tick
from spotify_assets.loaders import LOADERS
from spotify_assets.modelling.project import find_project
from spotify_assets.modelling.session import BuildSession
from spotify_assets.settings import Settings, settings
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.consent import REDIRECT_URI, Consent
from spotify_assets.spotify.oauth import SpotifyApp
from spotify_assets.storage.lake import open_lake
from spotify_assets.storage.landed import in_order_of_fetching
from spotify_assets.storage.warehouse import Warehouse

ZONE = "Europe/Berlin"
# The app of every simulator that a test does not give another one.
APP = SimulatorConfig()
# The dbt project of all homes of a test session, parsed here once: the fixture `_prepared` of conftest.py sets it.
prepared: Path | None = None


def prepare(home: Path) -> None:
    """Puts the parsed dbt project into a home, as a first command there would: that costs seconds for each."""
    if prepared is None:
        return
    project = find_project(prepared)
    project.manifest()  # whoever comes first parses it; the program's own file lock makes the other workers wait
    target = find_project(home).target
    if not target.exists():
        shutil.copytree(project.target, target, ignore=shutil.ignore_patterns("run"))


@dataclass(frozen=True)
class World:
    """One installation. `environment` holds every variable that it needs."""

    warehouse: Warehouse
    simulator: SimulatorServer
    home: Path
    environment: Mapping[str, str] = field(repr=False)
    monkeypatch: pytest.MonkeyPatch = field(repr=False)

    @classmethod
    def make(
        cls,
        monkeypatch: pytest.MonkeyPatch,
        warehouse: Warehouse,
        simulator: SimulatorServer,
        home: Path,
        **extra: str,
    ) -> "World":
        """Puts an installation together; nobody is connected yet."""
        prepare(home)
        environment = {
            "SPOTIFY_API_URL": simulator.api_url,
            "SPOTIFY_ACCOUNTS_URL": simulator.accounts_url,
            "SPOTIFY_CLIENT_ID": APP.client_id,
            "SPOTIFY_CLIENT_SECRET": APP.client_secret,
            "SPOTIFY_ASSETS_CLOCK": simulator.clock_url,
            "SPOTIFY_ASSETS_HOME": str(home),
            "SPOTIFY_DAILY_REQUEST_BUDGET": "none",
            "DATABASE_URL": warehouse.dsn,
            "TOKEN_ENCRYPTION_KEY": Fernet.generate_key().decode(),
            "DAGSTER_HOME": str(home / "dagster"),
            **simulator.outside,
            **extra,
        }
        return cls(warehouse, simulator, home, environment, monkeypatch)

    def settings(self) -> Settings:
        """This process becomes this installation's: its environment is set, its settings are read anew."""
        for name, value in self.environment.items():
            self.monkeypatch.setenv(name, value)
        settings.cache_clear()
        return settings()

    def at(self, moment: datetime) -> None:
        """Sets the clock of every process of this world."""
        requests.post(self.simulator.clock_url, json={"now": moment.isoformat()}, timeout=10).raise_for_status()

    def listen(self, *ends: datetime, user_id: str = "alex") -> None:
        """The listener plays tracks that were heard before, which end at these moments."""
        known = self.rows("select track_id from raw.tracks order by track_id limit %s", (len(ends),))
        plays = [
            {"played_at": end.isoformat(), "track_id": track_id} for end, (track_id,) in zip(ends, known, strict=True)
        ]
        url = f"{self.simulator.url}/_sim/plays"
        requests.post(url, json={"user": user_id, "plays": plays}, timeout=10).raise_for_status()

    def tick(self, only: Sequence[str] | None = None) -> str:
        """One tick, or some assets of it, in this process; returns what `spotify-assets poll` would print."""
        return tick(self.settings(), only)

    def tick_without_dagster(self, *, build: bool = True) -> Tick:
        """What a tick does, in the same order, by the code below Dagster: a third of the time."""
        chosen = self.settings()
        clock = clock_from(chosen)
        spotify = SpotifyAccess.open(chosen, self.warehouse, clock)
        done = run_tick(self.warehouse, open_lake(chosen), clock, spotify)
        if build:
            self.build()
        return done

    def replay_without_dagster(self) -> None:
        """The whole lake into the warehouse, and the models, by the code below Dagster."""
        self.load_the_lake()
        self.build()

    def load_the_lake(self) -> None:
        """All of it into the raw tables."""
        lake = open_lake(self.settings())
        for dataset, load in LOADERS.items():
            load(self.warehouse, lake, in_order_of_fetching(lake.list(f"{dataset}/")))

    def build(self) -> None:
        """Builds what the loads left to build."""
        chosen = self.settings()
        session = BuildSession(self.warehouse, clock_from(chosen), find_project(chosen.home_path))
        assert not session.audit().broken
        assert not session.marts().broken
        session.close()

    def replay(self) -> str:
        """The whole lake into the warehouse, in this process."""
        return replay_days(self.settings(), None, None)

    def start(self, *words: str, module: str = "spotify_assets.cli", **extra: str) -> "subprocess.Popen[str]":
        """`spotify-assets …` in a process and process group of its own, not waited for."""
        return subprocess.Popen(
            [sys.executable, "-m", module, *words],
            env=self.environment_of_a_process(**extra),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def environment_of_a_process(self, **extra: str) -> dict[str, str]:
        """This installation's, and nothing of the person's who runs the tests but what any program needs."""
        plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return {**plain, **self.environment, **extra}

    def command(
        self, *words: str, module: str = "spotify_assets.cli", typed: str = "", **extra: str
    ) -> "subprocess.CompletedProcess[str]":
        """The same, to its end, with what is `typed` into it."""
        process = self.start(*words, module=module, **extra)
        out, err = process.communicate(typed, timeout=300)
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def rows(self, query: str, parameters: Sequence[object] | None = None) -> list[tuple[object, ...]]:
        """What a query gives, in a connection of its own."""
        with self.warehouse.connect() as connection:
            return list(connection.execute(query.encode(), parameters).fetchall())

    def login(self, user_id: str, simulated: str | None = None) -> None:
        """The authorization-code flow for a listener of the simulator, consenting now."""
        chosen = self.settings()
        consent = Consent.to_ask(SpotifyApp.from_settings(chosen), user_id, REDIRECT_URI)
        address = f"{consent.address}&_sim_user={simulated or user_id}"
        location = requests.get(address, allow_redirects=False, timeout=10).headers["Location"]
        spotify = SpotifyAccess.open(chosen, self.warehouse, clock_from(chosen))
        consent.log_in(consent.code_in(urlsplit(location).query), spotify, ZONE)

    def browser(self, simulated: str = "alex", **query: str) -> str:
        """A program for BROWSER: it follows the address that it is given, as this listener of the simulator.

        It leaves the page where it ends as `page.html` in the home. `query` is added to the address.
        """
        program = self.home / f"browser_{simulated}"
        added = urlencode({"_sim_user": simulated, **query})
        program.parent.mkdir(exist_ok=True)
        program.write_text(
            f"#!{sys.executable}\n"
            "import sys, urllib.error, urllib.request\n"
            "try:\n"
            f"    page = urllib.request.urlopen(sys.argv[1] + '&{added}')\n"
            "except urllib.error.HTTPError as refused:\n"
            "    page = refused\n"
            f"open({str(self.home / 'page.html')!r}, 'wb').write(page.read())\n"
        )
        program.chmod(0o755)
        return str(program)

    def page(self) -> str:
        """What the browser showed last."""
        return (self.home / "page.html").read_text()


def snapshot(warehouse: Warehouse, *schemas: str) -> dict[str, list[str]]:
    """All rows and columns of all tables and views of these schemas as text, sorted, by table."""
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
            name: [row for (row,) in connection.execute(f"select t::text from {name} as t order by 1").fetchall()]
            for (name,) in tables
        }
