"""The rest of the Web API as simulated: what each tier gets of tracks, artists, albums, profiles and playlists."""

from typing import Any

import pytest

from spotify_assets.simulator.config import Tier
from spotify_assets.simulator.playlists import TOP_50_GLOBAL
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets_tests.simulator.browser import App, admin, ask, log_in
from spotify_assets_tests.simulator.conftest import Start

FORBIDDEN = {"error": {"status": 403, "message": "Forbidden"}}
NOT_FOUND = {"error": {"status": 404, "message": "Resource not found"}}
LEFT_OUT = {
    "track": {"popularity", "available_markets", "linked_from"},
    "artist": {"followers", "popularity"},
    "album": {"album_group", "available_markets", "label", "popularity"},
    "user": {"country", "email", "explicit_content", "product"},
}


def _a_play(app: App) -> dict[str, Any]:
    items: list[dict[str, Any]] = app.get("/me/player/recently-played", limit=50).json()["items"]
    return next(item["track"] for item in items if item["track"]["id"])


def _objects(value: object) -> list[dict[str, Any]]:
    """Every typed object in an answer, at any depth."""
    if isinstance(value, list):
        return [found for each in value for found in _objects(each)]
    if not isinstance(value, dict):
        return []
    own = [value] if isinstance(value.get("type"), str) else []
    return own + [found for each in value.values() for found in _objects(each)]


def _answers(app: App) -> list[object]:
    play = _a_play(app)
    paths = [
        "/me/player/recently-played",
        "/me",
        f"/tracks/{play['id']}",
        f"/artists/{play['artists'][0]['id']}",
        f"/albums/{play['album']['id']}",
    ]
    return [app.get(path).json() for path in paths]


def test_new_development_mode_leaves_fields_out_wherever_an_object_appears(server: SimulatorServer) -> None:
    for answer in _answers(log_in(server)):
        for found in _objects(answer):
            assert not LEFT_OUT.get(found["type"], set()) & found.keys()
            if found["type"] == "track" and "album" in found:
                assert found["external_ids"]["isrc"]


@pytest.mark.parametrize("tier", ["extended", "legacy_dev"])
def test_the_other_tiers_get_every_field(start: Start, tier: Tier) -> None:
    _, me, track, artist, album = _answers(log_in(start(tier=tier)))
    for value, names in ((me, "user"), (track, "track"), (artist, "artist"), (album, "album")):
        assert isinstance(value, dict)
        assert value.keys() >= LEFT_OUT[names] - {"linked_from", "album_group"}


def test_the_profile_depends_on_the_scopes(start: Start) -> None:
    profile = log_in(start(tier="extended"), scope="user-read-recently-played").get("/me").json()
    assert profile["account_id"] != profile["id"]
    assert not {"email", "country", "product"} & profile.keys()


@pytest.mark.parametrize("kind", ["tracks", "artists", "albums"])
def test_an_unknown_id_is_a_404_and_no_id_at_all_a_400(server: SimulatorServer, kind: str) -> None:
    app = log_in(server)
    assert (app.get(f"/{kind}/{'0' * 22}").status_code, app.get(f"/{kind}/{'0' * 22}").json()) == (404, NOT_FOUND)
    assert app.get(f"/{kind}/short").status_code == 400


def test_an_artists_id_is_no_tracks_id(server: SimulatorServer) -> None:
    app = log_in(server)
    assert app.get(f"/tracks/{_a_play(app)['artists'][0]['id']}").status_code == 404


def test_batches_are_gone_in_new_development_mode(server: SimulatorServer) -> None:
    app = log_in(server)
    answer = app.get("/tracks", ids=_a_play(app)["id"])
    assert (answer.status_code, answer.json()) == (403, FORBIDDEN)


@pytest.mark.parametrize("tier", ["extended", "legacy_dev"])
def test_batches_keep_the_order_and_null_for_what_is_unknown(start: Start, tier: Tier) -> None:
    app = log_in(start(tier=tier))
    play = _a_play(app)
    unknown = "0" * 22
    for kind, known in (("tracks", play["id"]), ("artists", play["artists"][0]["id"]), ("albums", play["album"]["id"])):
        found = app.get(f"/{kind}", ids=f"{unknown},{known}").json()[kind]
        assert (found[0], found[1]["id"]) == (None, known)
    assert app.get("/tracks", ids=",".join([unknown] * 51)).status_code == 400


def test_what_ended_in_2024_answers_with_an_error_without_a_message(server: SimulatorServer) -> None:
    answer = log_in(server).get("/audio-features/1")
    assert (answer.status_code, answer.json()) == (403, {"error": {"status": 403}})


@pytest.mark.parametrize(
    ("tier", "contents", "thing"),
    [
        ("new_dev", {"items"}, {"item"}),
        ("legacy_dev", {"tracks"}, {"track"}),
        ("extended", {"items", "tracks"}, {"item", "track"}),
    ],
)
def test_playlists_have_three_shapes(start: Start, tier: Tier, contents: set[str], thing: set[str]) -> None:
    app = log_in(start(tier=tier))
    own = ask(app.server, "playlists").json()["playlists"][1]
    playlist = app.get(f"/playlists/{own['id']}").json()
    assert playlist.keys() & {"items", "tracks"} == contents
    rows = playlist[min(contents)]["items"]
    assert rows[0].keys() & {"item", "track"} == thing
    last = "tracks" if tier == "legacy_dev" else "items"
    paged: list[object] = []
    while len(paged) < playlist[min(contents)]["total"]:
        paged += app.get(f"/playlists/{own['id']}/{last}", limit=7, offset=len(paged)).json()["items"]
    assert paged == rows


def test_in_new_development_mode_only_own_playlists_can_be_read(start: Start) -> None:
    server = start(listeners=("alex", "bo"))
    app = log_in(server, "alex")
    lists = ask(server, "playlists").json()["playlists"]
    bos_public, bos_private = (each["id"] for each in lists if each["owner"] == "bo")
    own = next(each["id"] for each in lists if each["owner"] == "alex")
    assert "items" not in app.get(f"/playlists/{bos_public}").json()
    refused = app.get(f"/playlists/{bos_public}/items")
    assert (refused.status_code, refused.json()) == (403, FORBIDDEN)
    assert app.get(f"/playlists/{bos_private}").status_code == 404
    assert app.get(f"/playlists/{own}/tracks").status_code == 403


def test_the_top_50_is_hidden_from_development_mode(start: Start) -> None:
    app = log_in(start(tier="extended"))
    assert len(app.get(f"/playlists/{TOP_50_GLOBAL}/items").json()["items"]) == 50
    for tier in ("legacy_dev", "new_dev"):
        admin(app.server, "app", {"tier": tier})
        hidden = app.get(f"/playlists/{TOP_50_GLOBAL}")
        assert (hidden.status_code, hidden.json()) == (404, NOT_FOUND)


def test_a_relinked_track_names_the_one_that_was_asked_for(start: Start) -> None:
    app = log_in(start(tier="extended"))
    catalogue = app.server.world.catalogue
    tracks = (track for number in range(300) for _, track in catalogue.artist(number).by_popularity)
    asked = next(track for track in tracks if catalogue.other_version(track))
    played = app.get(f"/tracks/{asked.id}", market="DE").json()
    assert played["id"] != asked.id == played["linked_from"]["id"]
    assert played["external_ids"]["isrc"] == asked.isrc
