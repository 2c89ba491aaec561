"""Answers against Spotify's own description of its API: the simulator's in every tier, recordings and fixtures."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import requests

from spotify_assets.simulator.config import Tier
from spotify_assets.simulator.playlists import TOP_50_GLOBAL
from spotify_assets.simulator.replay import recorded_polls
from spotify_assets_tests.openapi import OVERLAY, Description, description
from spotify_assets_tests.simulator.browser import App, admin, ask, log_in
from spotify_assets_tests.simulator.conftest import Start

RECENT = "/me/player/recently-played"


@pytest.fixture
def spec(real_data: Path) -> Description:
    return description()


def _check(spec: Description, path: str, answer: requests.Response) -> None:
    assert spec.problems(path, answer.status_code, answer.json()) == []


@pytest.mark.parametrize("tier", ["extended", "legacy_dev", "new_dev"])
def test_every_answer_of_the_simulator_fits_the_description(spec: Description, start: Start, tier: Tier) -> None:
    server = start(tier=tier, local_files=0.2)
    app = log_in(server)
    page = app.get(RECENT, limit=15)
    _check(spec, RECENT, page)
    _check(spec, RECENT, app.get(RECENT, before=1))
    _check(spec, "/me", app.get("/me"))
    tracks = [item["track"] for item in page.json()["items"] if item["track"]["id"]]
    for track in tracks[:4]:
        _check(spec, "/tracks/{id}", app.get(f"/tracks/{track['id']}", market="DE"))
        _check(spec, "/albums/{id}", app.get(f"/albums/{track['album']['id']}"))
        _check(spec, "/artists/{id}", app.get(f"/artists/{track['artists'][0]['id']}"))
    ids = ",".join(track["id"] for track in tracks[:3])
    _check(spec, "/tracks", app.get("/tracks", ids=ids))
    _check(spec, "/albums", app.get("/albums", ids=tracks[0]["album"]["id"]))
    _check(spec, "/artists", app.get("/artists", ids=tracks[0]["artists"][0]["id"]))
    for playlist in (*(each["id"] for each in ask(server, "playlists").json()["playlists"]), TOP_50_GLOBAL):
        for last in ("", "/items", "/tracks"):
            _check(spec, "/playlists/{playlist_id}" + last, app.get(f"/playlists/{playlist}{last}"))


def test_every_error_of_the_simulator_fits_the_description(spec: Description, start: Start) -> None:
    server = start(allowlist=("nobody",))
    app = log_in(server)
    refused = [app.get("/me")]
    for change in ({"allowlist": None, "rate_limit": 0}, {"rate_limit": None, "daily_quota": 0}):
        admin(server, "app", change)
        refused.append(app.get("/me"))
    admin(server, "app", {"daily_quota": None})
    refused += [app.get("/tracks/1"), app.get("/audio-features"), app.get("/tracks/" + "0" * 22), app.get("/no/such")]
    refused.append(App(server, "wrong", "").get("/me"))
    assert [answer.status_code for answer in refused] == [403, 429, 429, 400, 403, 404, 404, 401]
    for answer in refused:
        _check(spec, "/me", answer)


def test_the_recorded_polls_fit_the_description(spec: Description, real_data: Path) -> None:
    seen = set[str]()
    for poll in recorded_polls(real_data / "api" / "recently_played_polls_2022-09-01_to_07.jsonl.xz"):
        page = json.loads(poll.body)
        fresh = {json.dumps(item): item for item in page["items"]}
        # A play is checked once for each of its wordings: the pages repeat one another.
        page["items"] = [item for text, item in fresh.items() if text not in seen]
        seen |= fresh.keys()
        assert spec.problems(RECENT, 200, page) == []
    assert len(seen) >= 223


@pytest.mark.parametrize(
    ("fixture", "path", "status"),
    [
        ("recently_played_tracks", RECENT, 200),
        ("current_user", "/me", 200),
        ("artist", "/artists/{id}", 200),
        ("get_album", "/albums/{id}", 200),
        ("playlist_1", "/playlists/{playlist_id}", 200),
        ("playlist_2", "/playlists/{playlist_id}", 200),
        ("playlist_items", "/playlists/{playlist_id}/items", 200),
        ("rate_limit", "/me", 429),
        ("playlist_not_found", "/playlists/{playlist_id}", 404),
    ],
)
def test_captures_of_2026_fit_the_description(
    spec: Description, real_data: Path, fixture: str, path: str, status: int
) -> None:
    body = json.loads((real_data / "api" / "joostlek-python-spotify" / f"{fixture}.json").read_text())
    assert spec.problems(path, status, body) == []


@pytest.fixture
def page(start: Start) -> dict[str, Any]:
    """A good page in Extended mode."""
    body: dict[str, Any] = log_in(start(tier="extended")).get(RECENT, limit=3).json()
    return body


@pytest.mark.parametrize(
    ("where", "key", "value"),
    [
        (("items", 0), "played_at", 1_700_000_000),
        (("items", 0), "played_at", "yesterday"),
        (("items", 0), "context", []),
        (("items", 0, "track"), "duration_ms", "215000"),
        (("items", 0, "track"), "artists", {}),
        (("items", 0, "track"), "name", None),
        (("items", 0, "track", "album"), "release_date_precision", "week"),
        (("items", 0, "track", "artists", 0), "name", 7),
        ((), "cursors", "none"),
        ((), "next", 5),
    ],
)
def test_a_wrong_type_fails(
    spec: Description, page: dict[str, Any], where: tuple[str | int, ...], key: str, value: object
) -> None:
    assert spec.problems(RECENT, 200, page) == []
    _at(page, where)[key] = value
    assert spec.problems(RECENT, 200, page)


@pytest.mark.parametrize(
    "where",
    [("items", 0, "track"), ("items", 0, "track", "album"), ("items", 0, "track", "artists", 0)],
)
def test_a_missing_id_fails(spec: Description, page: dict[str, Any], where: tuple[str | int, ...]) -> None:
    del _at(page, where)["id"]
    assert spec.problems(RECENT, 200, page)


@pytest.mark.parametrize(
    ("where", "key", "misspelt"),
    [
        ((), "cursors", "cursor"),
        (("items", 0), "played_at", "playedAt"),
        (("items", 0, "track"), "explicit", "explict"),
        (("items", 0, "track"), "external_ids", "external_id"),
        (("items", 0, "track", "album"), "album_type", "albumType"),
        (("items", 0, "track", "album", "images", 0), "url", "uri"),
        (("items", 0, "track", "artists", 0), "href", "herf"),
    ],
)
def test_a_misspelt_key_fails(
    spec: Description, page: dict[str, Any], where: tuple[str | int, ...], key: str, misspelt: str
) -> None:
    for is_kept in (False, True):
        changed = deepcopy(page)
        place = _at(changed, where)
        place[misspelt] = place[key] if is_kept else place.pop(key)
        assert spec.problems(RECENT, 200, changed)


def test_every_line_of_the_overlay_has_a_source() -> None:
    lines = [line for line in OVERLAY.read_text().splitlines() if line.lstrip().startswith("- ")]
    assert lines
    assert all("at: " in line and 'source: "' in line for line in lines)


def _at(value: Any, where: tuple[str | int, ...]) -> dict[str, Any]:
    for step in where:
        value = value[step]
    assert isinstance(value, dict)
    return value
