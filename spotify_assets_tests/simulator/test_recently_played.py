"""Recently-played as simulated: order, cursors, limits, lateness, short pages, given plays, replay."""

import json
import lzma
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import requests

from spotify_assets.simulator.replay import recorded_polls
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets_tests.simulator.browser import admin, ask, log_in
from spotify_assets_tests.simulator.conftest import NOON, Start

RECENT = "/me/player/recently-played"


def _ms(iso: str) -> int:
    return int(datetime.fromisoformat(iso).timestamp() * 1000 + 0.5)


def test_a_page_holds_the_newest_fifty_newest_first_and_always_has_a_next(server: SimulatorServer) -> None:
    page = log_in(server).get(RECENT, limit=50).json()
    times = [_ms(item["played_at"]) for item in page["items"]]
    assert len(times) == 50
    assert times == sorted(times, reverse=True)
    assert page["cursors"] == {"after": str(times[0]), "before": str(times[-1])}
    assert page["next"] == f"{server.api_url}{RECENT}?before={times[-1]}&limit=50"
    assert page["href"] == f"{server.api_url}{RECENT}?limit=50"
    assert "total" not in page


def test_beyond_the_fiftieth_play_there_is_an_empty_page(server: SimulatorServer) -> None:
    app = log_in(server)
    following = app.get(RECENT, limit=50).json()["next"]
    headers = {"Authorization": f"Bearer {app.access_token}"}
    page = requests.get(following, headers=headers, timeout=10).json()
    assert (page["items"], page["next"], page["cursors"]) == ([], None, None)


def test_cursors_are_exclusive_milliseconds(server: SimulatorServer) -> None:
    app = log_in(server)
    times = [_ms(item["played_at"]) for item in app.get(RECENT, limit=50).json()["items"]]
    newer = app.get(RECENT, limit=50, after=times[10]).json()
    older = app.get(RECENT, limit=50, before=times[10]).json()
    assert [_ms(item["played_at"]) for item in newer["items"]] == times[:10]
    assert newer["next"] == f"{server.api_url}{RECENT}?after={times[0]}&limit=50"
    assert [_ms(item["played_at"]) for item in older["items"]] == times[11:]


def test_after_with_a_small_limit_returns_the_newest_plays(server: SimulatorServer) -> None:
    app = log_in(server)
    newest = app.get(RECENT, limit=50).json()["items"]
    page = app.get(RECENT, limit=5, after=_ms(newest[30]["played_at"])).json()
    assert page["items"] == newest[:5]
    assert len(app.get(RECENT).json()["items"]) == 20


@pytest.mark.parametrize(
    "query", [{"limit": "51"}, {"limit": "0"}, {"limit": "many"}, {"after": "x"}, {"after": "1", "before": "2"}]
)
def test_what_no_client_should_send_is_a_400(server: SimulatorServer, query: dict[str, str]) -> None:
    answer = log_in(server).get(RECENT, **query)
    assert (answer.status_code, answer.json()["error"]["status"]) == (400, 400)


def test_without_its_scope_the_history_is_closed(server: SimulatorServer) -> None:
    answer = log_in(server, scope="user-read-private").get(RECENT)
    assert (answer.status_code, answer.json()["error"]["message"]) == (403, "Insufficient client scope")


def test_pages_agree_with_the_truth_at_every_moment(server: SimulatorServer) -> None:
    app = log_in(server)
    truth = ask(server, "truth", **{"from": "2026-11-01", "user": "alex"}).json()["plays"]
    shown = [play for play in truth if play["visible_at"]]
    for hours in range(0, 240, 7):
        moment = NOON - timedelta(hours=hours)
        admin(server, "clock", {"now": moment.isoformat()})
        app = log_in(server)
        visible = [play for play in shown if datetime.fromisoformat(play["visible_at"]) <= moment]
        expected = sorted({(play["played_at"], play["api_track_id"]) for play in visible}, reverse=True)[:50]
        page = [(item["played_at"], item["track"]["id"]) for item in app.get(RECENT, limit=50).json()["items"]]
        assert page == expected[: len(page)]
        assert len(page) >= 42


def test_polls_see_late_plays_behind_newer_ones(start: Start) -> None:
    server = start(late_plays=0.3, very_late_plays=0.1, short_pages=0, history_start=date(2026, 9, 1))
    server.world.clock.set(NOON - timedelta(days=6))
    newest, behind, seen = 0, 0, set[tuple[str, str]]()
    for _ in range(288):
        server.world.clock.advance(timedelta(minutes=30))
        for item in reversed(log_in(server).get(RECENT, limit=50).json()["items"]):
            key = (item["played_at"], item["track"]["id"])
            behind += key not in seen and bool(seen) and _ms(item["played_at"]) < newest
            seen.add(key)
        newest = max(_ms(played_at) for played_at, _ in seen)
    assert behind >= 10


def test_some_full_pages_come_short_and_the_same_moment_gives_the_same_page(start: Start) -> None:
    app = log_in(start(short_pages=1.0))
    page = app.get(RECENT, limit=50).json()
    assert 42 <= len(page["items"]) < 50
    assert app.get(RECENT, limit=50).json() == page


def test_two_simulators_with_one_seed_answer_alike_and_listeners_differ(start: Start) -> None:
    pages = []
    for user in ("alex", "alex", "bo"):
        items = log_in(start(listeners=("alex", "bo")), user).get(RECENT, limit=50).json()["items"]
        pages.append(items)
    assert pages[0] == pages[1] != pages[2]


def test_plays_that_a_test_gives_are_shown_from_their_time_on(start: Start) -> None:
    server = start(plays_a_day=0)
    app = log_in(server)
    assert app.get(RECENT).json()["cursors"] is None
    at, later = NOON - timedelta(hours=1), NOON + timedelta(hours=1)
    odd = {"played_at": "2026-11-21T10:00:00.000Z", "track": {"name": None}}
    admin(
        server,
        "plays",
        {
            "user": "alex",
            "plays": [
                {"played_at": at.isoformat()},
                {"played_at": (at - timedelta(hours=1)).isoformat(), "item": odd},
                {"played_at": (at - timedelta(minutes=3)).isoformat(), "visible_at": later.isoformat()},
            ],
        },
    )
    items = app.get(RECENT).json()["items"]
    assert [item["played_at"] for item in items] == ["2026-11-21T11:00:00.000Z", "2026-11-21T10:00:00.000Z"]
    assert items[1] == odd
    assert app.get(f"/tracks/{items[0]['track']['id']}").json() == items[0]["track"]
    admin(server, "clock", {"now": later.isoformat()})
    assert len(log_in(server).get(RECENT).json()["items"]) == 3


def test_local_files_have_no_id_when_they_are_asked_for(start: Start) -> None:
    items = log_in(start(local_files=0.5)).get(RECENT, limit=50).json()["items"]
    local = [item["track"] for item in items if item["track"]["is_local"]]
    assert 5 < len(local) < 45
    assert all(track["id"] is None and track["uri"].startswith("spotify:local:") for track in local)


def test_recorded_polls_are_repeated_byte_for_byte(start: Start, tmp_path: Path) -> None:
    polls = [
        {"polled_at": f"2022-09-01T0{hour}:00:00+00:00", "commit": "c", "body": {"items": [], "é": hour}}
        for hour in (1, 2)
    ]
    path = tmp_path / "polls.jsonl.xz"
    path.write_bytes(lzma.compress("\n".join(map(json.dumps, polls)).encode()))
    server = start(replay=path, at=datetime(2022, 9, 1, 0, 59, tzinfo=UTC))
    app = log_in(server)
    assert app.get(RECENT, limit=50).json()["cursors"] is None
    bodies = []
    for _ in range(3):
        admin(server, "clock", {"advance_seconds": 1800})
        bodies.append(log_in(server).get(RECENT, limit=50).content)
    recorded = recorded_polls(path)
    assert bodies == [recorded[0].body, recorded[0].body, recorded[1].body]
    assert "é".encode() in bodies[0]


def test_the_real_week_is_repeated(start: Start, real_data: Path) -> None:
    path = real_data / "api" / "recently_played_polls_2022-09-01_to_07.jsonl.xz"
    polls = recorded_polls(path)
    assert len(polls) == 307
    server = start(replay=path, at=polls[100].polled_at + timedelta(seconds=1))
    assert log_in(server).get(RECENT, limit=50).content == polls[100].body
