"""`spotify-assets login` as a person runs it: with a browser, over ssh, at a prompt, for the first time and again."""

import os
import pty
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from spotify_assets.cli import app
from spotify_assets.errors import UserError
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.conftest import free_port
from spotify_assets_tests.person import find_chromium, somebody
from spotify_assets_tests.test_two_at_once import wait_until
from spotify_assets_tests.world import World

START = datetime(2026, 8, 31, 6, tzinfo=UTC)
ADDRESS = re.compile(r"^  (http://\S+)$", re.MULTILINE)

CHANGE = "spotify-assets listeners set alex --time-zone Asia/Tokyo"

NewWorld = Callable[..., World]


@pytest.fixture
def new_world(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path) -> Iterator[NewWorld]:
    """Makes an installation in which nobody is connected."""
    with ExitStack() as stack:

        def make(listeners: tuple[str, ...] = ("alex",), **extra: str) -> World:
            simulator = stack.enter_context(SimulatorServer(SimulatorConfig(at=START, listeners=listeners)))
            return World.make(monkeypatch, warehouse, simulator, tmp_path / "home", **extra)

        yield make


def secrets(world: World) -> list[str]:
    """All that the simulator gave out, and the app's secret."""
    book = world.simulator.world.book
    return [*book.refresh, *book.access, *book.codes, world.environment["SPOTIFY_CLIENT_SECRET"] or "no secret"]


def told(out: str) -> list[str]:
    """What was printed, without the address."""
    return [line for line in out.splitlines() if not ADDRESS.match(line)]


def test_a_browser_connects_a_listener_and_later_connects_them_again(new_world: NewWorld) -> None:
    world = new_world()
    browser = world.browser("alex")
    done = world.command("login", "alex", "--time-zone", "Europe/Berlin", BROWSER=browser)
    assert (done.returncode, done.stderr) == (0, "")
    assert told(done.stdout) == [
        "Spotify opens in the browser, to connect alex. If it doesn't, open this address:",
        "Connected: Alex, here named alex.",
        "Time zone: Europe/Berlin.",
        "The login lasts until 28 February 2027: six months, whatever you do; then run this command again.",
        "Next: spotify-assets poll",
    ]
    assert "<p>alex is connected. You can close this page.</p>" in world.page()
    assert [leak for leak in secrets(world) if leak in done.stdout + world.page()] == []

    world.at(datetime(2027, 3, 1, 6, tzinfo=UTC))
    port = f"http://127.0.0.1:{free_port()}/callback"
    again = world.command("login", "--time-zone", "Asia/Tokyo", "--redirect-uri", port, BROWSER=browser)
    assert told(again.stdout)[2:5] == [
        "Time zone: Europe/Berlin.",
        f"  alex was known with that one and keeps it; to change it: {CHANGE}",
        "The login lasts until 1 September 2027: six months, whatever you do; then run this command again.",
    ]
    assert world.rows("select user_id, time_zone, connected_at from ops.listeners") == [
        ("alex", "Europe/Berlin", START)
    ]


def test_who_was_removed_and_comes_back_is_not_asked_for_a_time_zone(new_world: NewWorld) -> None:
    world = new_world()
    world.login("alex")
    world.settings()
    app(["listeners", "remove", "alex"], standalone_mode=False)
    back = world.command("login", "alex", "--time-zone", "Asia/Tokyo", BROWSER=world.browser("alex"), TZ="UTC")
    assert told(back.stdout)[2:4] == [
        "Time zone: Europe/Berlin.",
        f"  alex was known with that one and keeps it; to change it: {CHANGE}",
    ]
    again = world.command("listeners", "remove", "alex")
    assert again.returncode == 0, again.stderr
    back = world.command("login", "alex", BROWSER=world.browser("alex"), TZ="UTC")
    assert "The time zone is this machine's" not in back.stdout, "it would be dropped"


def test_over_ssh_the_address_is_printed_and_the_one_that_comes_back_is_pasted(new_world: NewWorld) -> None:
    """With an app without a secret, whose verifier shows up nowhere either."""
    world = new_world(SPOTIFY_CLIENT_SECRET="")
    process = world.start("login", "alex", TZ="America/New_York")
    assert process.stdout is not None
    printed = ""
    while "paste it here" not in printed:
        printed += process.stdout.readline()
    address = ADDRESS.search(printed).group(1)  # type: ignore[union-attr]
    location = requests.get(address, allow_redirects=False, timeout=10).headers["Location"]
    out, err = process.communicate(f"{location}\n", timeout=60)
    assert (process.returncode, err) == (0, "")
    assert told(printed + out)[:4] == [
        "The time zone is this machine's, America/New_York; --time-zone gives another one.",
        "Open this address in any browser, on any machine, to connect alex:",
        "When you have agreed, the browser goes to an address that begins with http://127.0.0.1/callback?",
        "It may show an error there; that is fine. Copy the whole address and paste it here:",
    ]
    assert "Connected: Alex, here named alex." in out
    assert [leak for leak in secrets(world) if leak in printed + out] == []


def test_a_refusal_is_one_line_and_on_the_page_too(new_world: NewWorld) -> None:
    world = new_world()
    done = world.command("login", "alex", BROWSER=world.browser("alex", _sim_consent="denied"))
    assert done.returncode == 1
    assert done.stderr == (
        "spotify-assets: Spotify was told not to give access, so nothing is stored for alex: run `spotify-assets "
        "login alex` again, and agree on Spotify's page.\n"
    )
    assert "Spotify was told not to give access" in world.page()
    assert world.rows("select * from ops.listeners") == []


def test_without_a_terminal_a_name_has_to_be_given_unless_there_is_only_one(new_world: NewWorld) -> None:
    world = new_world(("alex", "bo"))
    world.settings()
    with pytest.raises(UserError, match="Give a name: a new one, such as your first name, as in"):
        app(["login"], standalone_mode=False)
    world.login("alex")
    world.login("bo")
    with pytest.raises(UserError, match="Give a name: one of alex, bo, or a new one, as in"):
        app(["login"], standalone_mode=False)
    with pytest.raises(UserError, match="'Alex' can't be a listener's name"):
        app(["login", "Alex"], standalone_mode=False)
    with pytest.raises(UserError, match="'Mars' is no time zone"):
        app(["login", "chris", "--time-zone", "Mars"], standalone_mode=False)
    with pytest.raises(UserError, match="Postgres does not know the time zone 'localtime'"):
        app(["login", "chris", "--time-zone", "localtime"], standalone_mode=False)


def test_in_a_terminal_name_and_time_zone_are_asked_for(new_world: NewWorld) -> None:
    world = new_world()
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "spotify_assets.cli", "login"],
        env=world.environment_of_a_process(BROWSER=world.browser("alex"), TZ="Asia/Tokyo"),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    seen = ""

    def answers(question: str, answer: str) -> None:
        nonlocal seen
        while question not in seen:
            seen += os.read(ours, 4096).decode()
        seen = seen.partition(question)[2]
        os.write(ours, f"{answer}\n".encode())

    answers("A name for the listener", "Alex")
    answers("'Alex' can't be a listener's name", "")
    answers("A name for the listener", "alex")
    answers("Time zone, for days and hours of listening [Asia/Tokyo]:", "Mars")
    answers("'Mars' is no time zone", "")
    assert process.wait(60) == 0
    os.close(ours)
    assert world.rows("select user_id, time_zone, status from ops.listeners") == [("alex", "Asia/Tokyo", "connected")]


def test_a_real_browser_sees_that_it_worked(new_world: NewWorld, tmp_path: Path) -> None:
    chromium, driver = find_chromium()
    world = new_world()
    note = tmp_path / "address"
    opens = tmp_path / "opens"
    opens.write_text(f'#!/bin/sh\nprintf %s "$1" > {note}.new && mv {note}.new {note}\n')
    opens.chmod(0o755)
    process = world.start("login", "alex", BROWSER=str(opens))
    wait_until(note.exists)
    with somebody("", chromium, driver) as person:
        person.opens(note.read_text())
        person.sees("Connected\nalex is connected. You can close this page.")
        assert person.browser.title == "Connected"
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "Connected: Alex, here named alex." in out
