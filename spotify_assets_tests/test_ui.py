"""Dagster's UI in a real browser: a run launched with the mouse ends green, and the assets' pages show their data.

`UI_SCREENSHOTS=docs/images` takes the README's pictures again.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from spotify_assets.cli.poll import tick
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.dagster_dev import dagster_dev
from spotify_assets_tests.person import Person, find_chromium, somebody
from spotify_assets_tests.world import World

REPOSITORY = Path(__file__).resolve().parent.parent
SHOTS = os.environ.get("UI_SCREENSHOTS")
LONG = "[Show Markdown]"
LINEAGE = "/asset-groups?expanded=global%40global%3Alistening%2Cglobal%40global%3Amarts"


def _some_days_of_polls(world: World) -> None:
    """Three polls of the last days; then the real time again."""
    now = datetime.now(UTC)
    for days in (3, 2, 1):
        world.at(now - timedelta(days=days))
        if days == 3:
            world.login("alex")
        tick(world.settings(), only=["raw_plays"], with_checks=False)
    requests.post(world.simulator.clock_url, json={"now": None}, timeout=10).raise_for_status()


def _launches_a_run_for_today(person: Person) -> None:
    person.opens("/")
    person.clicks("Jobs")
    person.clicks("listening")
    person.clicks("Materialize all")
    person.clicks("Confirm")  # that no export has been imported yet
    person.sees("Partition selection")
    person.clicks("Latest")
    person.sees("1 partition")
    person.clicks("Launch 1 run")
    person.sees("Launched run")
    person.clicks("View")
    person.sees(f"partition: {datetime.now(UTC).date()}")


def _waits_for_its_end(person: Person) -> str:
    words = {"Success", "Failure", "Canceled"}
    return person.waits(
        lambda: next((line for line in person.page().splitlines() if line in words), ""), "the run did not end", 240
    )


def _opens(person: Person, asset: str) -> None:
    person.clicks("Catalog")
    person.sees("Search and filter assets")
    person.opens(f"/assets/{asset}")  # the list shows only as many as have room
    person.sees("Row count")
    person.sees("Owners\nlistening")


def _looks_at_raw_plays(person: Person, world: World) -> None:
    ((count, newest),) = world.rows(
        "select count(*), (array_agg(name order by played_at desc))[1] "
        "from raw.plays left join raw.tracks using (track_id)"
    )
    _opens(person, "raw_plays")
    person.sees("One row for each play that Spotify's API reported.")
    person.sees(f"Row count\n{count}")
    person.sees("Kinds\nPostgres\nPython\nspotify")
    person.sees_cell("When the play ENDED, UTC, in milliseconds")
    person.sees_cell("1 of 1 listeners answered.")
    person.sees_cell(str(newest))
    person.scrolls_to("Metadata")
    person.photographs(SHOTS, "raw_plays")
    person.clicks("Checks")
    person.sees("This is a non-blocking asset check.")
    person.clicks("keys_are_unique")
    person.sees(f"Nothing wrong in what was fetched on {datetime.now(UTC).date()}.")
    person.photographs(SHOTS, "checks")


def _looks_at_a_mart(person: Person, world: World, name: str, description: str, column: str, first: str) -> None:
    ((count, shown),) = world.rows(f"select (select count(*) from marts.{name}), ({first})")
    _opens(person, name)
    person.sees(description)
    person.sees(f"Row count\n{count}")
    person.sees("Kinds\ndbt\nPostgres")
    person.sees_cell(column)
    if LONG in person.page():
        person.clicks(LONG)
    person.sees_cell(str(shown))
    if LONG in person.page():
        person.clicks("Close")


def _photographs_the_lineage(person: Person, folder: str) -> None:
    person.clicks("Hide navigation")
    person.opens(LINEAGE)
    person.waits(lambda: person.page().count("Materialized") > 4, "the lineage does not show what was materialized")
    person.waits(lambda: "fetching" not in person.page(), "the lineage does not show all groups")
    person.photographs(folder, "lineage")


def test_a_run_launched_with_the_mouse_ends_green_and_the_assets_show_what_it_did(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    chromium, driver = find_chromium()
    with SimulatorServer(SimulatorConfig()) as simulator:
        world = World.make(monkeypatch, warehouse, simulator, tmp_path / "home")
        _some_days_of_polls(world)
        plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        log = tmp_path / "dagster_dev.log"
        with (
            dagster_dev(REPOSITORY, {**plain, **world.environment}, log) as address,
            somebody(address, chromium, driver) as person,
        ):
            _launches_a_run_for_today(person)
            assert _waits_for_its_end(person) == "Success"
            if SHOTS:
                person.clicks_icon("expand_arrows")
                person.waits(lambda: "Launched run" not in person.page(), "the notice stays")
                person.photographs(SHOTS, "run")

            _looks_at_raw_plays(person, world)
            _looks_at_a_mart(
                person,
                world,
                "fct_plays",
                "One row a stream that really happened",
                "Why it began; null where the export leaves it empty. Only exports know it.",
                "select track_name from marts.fct_plays join marts.dim_tracks using (track_id) "
                "order by played_at desc limit 1",
            )
            _looks_at_a_mart(
                person,
                world,
                "top_tracks",
                "One row a listener, period and track",
                "How many plays - streams of 30 s or more, or seen by the API only.",
                "select track_name from marts.top_tracks where period_kind = 'month' "
                "order by period_start desc, rank, rank_by_time, track_key limit 1",
            )
            if SHOTS:
                _photographs_the_lineage(person, SHOTS)
