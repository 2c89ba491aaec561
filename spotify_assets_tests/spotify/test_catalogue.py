"""Tracks, artists, albums and playlists by id, in each tier of a simulated Spotify, in as few calls as it allows."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import requests

from spotify_assets.catalog.playlists import track_objects
from spotify_assets.clock import SimulatorClock
from spotify_assets.reading import read_payload
from spotify_assets.simulator.config import SimulatorConfig, Tier
from spotify_assets.simulator.playlists import playlists_of
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.simulator.tokens import AccessToken
from spotify_assets.spotify.capabilities import Capabilities, tier
from spotify_assets.spotify.catalogue import Catalogue, Failed, Kind, Unknown
from spotify_assets.spotify.client import Answer, SpotifyClient
from spotify_assets.spotify.exchange import new_session
from spotify_assets.spotify.outcomes import NotAllowedInTier, NotFound, QuotaExceeded
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.spotify.conftest import OpenGate

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
NOBODY_S = "0" * 22
TIERS: tuple[Tier, ...] = ("new_dev", "legacy_dev", "extended")
SCOPE = "user-read-recently-played playlist-read-private"
TOP_50 = "37i9dQZEVXbMDoHDwVN2tF"


@dataclass(frozen=True)
class Spotify:
    """A simulator, and the catalogue as its listener sees it."""

    simulator: SimulatorServer
    catalogue: Catalogue
    capabilities: Capabilities

    def ids(self, kind: Kind, count: int) -> list[str]:
        music = self.simulator.world.catalogue
        artists = [music.artist(number) for number in range(count)]
        return {
            "artists": [artist.id for artist in artists],
            "albums": [artist.albums[0].id for artist in artists],
            "tracks": [artist.albums[0].tracks[0].id for artist in artists],
        }[kind]

    def calls(self) -> list[str]:
        """The paths asked for since the last look."""
        url = f"{self.simulator.url}/_sim/requests"
        log = requests.get(url, timeout=10).json()["requests"]
        requests.delete(url, timeout=10).raise_for_status()
        return [call["path"].removeprefix("/v1") for call in log]

    def fault(self, **what: object) -> None:
        requests.post(f"{self.simulator.url}/_sim/faults", json=what, timeout=10).raise_for_status()

    def becomes(self, new: Tier) -> None:
        requests.post(f"{self.simulator.url}/_sim/app", json={"tier": new}, timeout=10).raise_for_status()

    def later(self, hours: float) -> None:
        change = {"advance_seconds": hours * 3600}
        requests.post(self.simulator.clock_url, json=change, timeout=10).raise_for_status()


Start = Callable[..., Spotify]


@pytest.fixture
def start(warehouse: Warehouse) -> Iterator[Start]:
    with ExitStack() as stack:

        def begin(in_tier: Tier) -> Spotify:
            simulator = stack.enter_context(
                SimulatorServer(SimulatorConfig(at=NOW, tier=in_tier, listeners=("alex", "bo", "chris", "dana")))
            )
            simulator.world.book.access["token"] = AccessToken("alex", SCOPE, NOW + timedelta(days=9))
            clock = SimulatorClock(simulator.clock_url)
            client = SpotifyClient(
                new_session(), simulator.api_url, lambda _: "token", clock, OpenGate(), sleep=lambda _: None
            )
            capabilities = Capabilities(warehouse, clock, simulator.api_url)
            return Spotify(simulator, Catalogue(client, capabilities), capabilities)

        yield begin


def found(kind: Kind, answers: list[Answer | Unknown | Failed]) -> list[object]:
    """The ids in the answers, whatever their shape, in order."""
    ids: list[object] = []
    for answer in answers:
        if isinstance(answer, Answer):
            body = json.loads(answer.body)
            ids += [thing["id"] for thing in body.get(kind, [body]) if thing]
    return ids


@pytest.mark.parametrize(("kind", "most"), [("tracks", 50), ("artists", 50), ("albums", 20)])
@pytest.mark.parametrize("in_tier", TIERS)
def test_several_come_in_batches_where_the_tier_allows_them_and_one_by_one_where_not(
    in_tier: Tier, kind: Kind, most: int, start: Start
) -> None:
    spotify = start(in_tier)
    ids = spotify.ids(kind, 2 * most + 1)

    assert found(kind, list(spotify.catalogue.several(kind, ids))) == ids

    singly = [f"/{kind}/{each}" for each in ids]
    if in_tier == "new_dev":
        # One refused batch; its own ids and all others go singly in the same call.
        assert spotify.calls() == [f"/{kind}", *singly]
        assert found(kind, list(spotify.catalogue.several(kind, ids[:2]))) == ids[:2]
        assert spotify.calls() == singly[:2]
    else:
        assert spotify.calls() == [f"/{kind}", f"/{kind}", singly[-1]]


@pytest.mark.parametrize("in_tier", TIERS)
def test_an_unknown_id_is_reported_and_the_others_come(in_tier: Tier, start: Start) -> None:
    spotify = start(in_tier)
    first, last = spotify.ids("tracks", 2)
    asked = [first, NOBODY_S, "spotify:local:a:b:c:1", last, first, "../me"]

    answers = list(spotify.catalogue.several("tracks", asked))

    assert found("tracks", answers) == [first, last]
    unknown = {answer for answer in answers if isinstance(answer, Unknown)}
    assert unknown == {Unknown("tracks", each) for each in (NOBODY_S, "spotify:local:a:b:c:1", "../me")}
    assert not any("local" in path or path == "/me" for path in spotify.calls())


def test_an_id_that_spoils_its_batch_is_told_apart_by_asking_singly(start: Start) -> None:
    spotify = start("extended")
    first, bad, last = spotify.ids("tracks", 3)
    spotify.fault(path="/v1/tracks", status=400, body={"error": {"status": 400, "message": "Invalid base62 id"}})
    spotify.fault(path=f"/v1/tracks/{bad}", status=400, body={"error": {"status": 400, "message": "Invalid base62 id"}})

    answers = list(spotify.catalogue.several("tracks", [first, bad, last]))

    assert found("tracks", answers) == [first, last]
    assert Unknown("tracks", bad) in answers


def test_what_came_before_a_failure_is_not_lost(start: Start) -> None:
    spotify = start("new_dev")
    first, second = spotify.ids("tracks", 2)
    quota = {"error": {"status": 429, "message": "Too many requests", "reason": "QUOTA_EXCEEDED"}}
    spotify.fault(path=f"/v1/tracks/{second}", status=429, body=quota, headers={"Retry-After": "50000"})

    answers = spotify.catalogue.several("tracks", [first, second])

    assert found("tracks", [next(answers)]) == [first]
    with pytest.raises(QuotaExceeded):
        next(answers)


def test_what_the_app_may_do_is_asked_once_a_day(start: Start) -> None:
    spotify = start("new_dev")
    assert spotify.capabilities.allowed("tracks_batch") is None
    assert [spotify.catalogue.allows_batches() for _ in range(3)] == [False] * 3
    assert spotify.calls() == ["/tracks"]

    spotify.becomes("extended")
    spotify.later(23.9)
    assert not spotify.catalogue.allows_batches()
    spotify.later(0.2)
    assert spotify.capabilities.allowed("tracks_batch") is None
    assert spotify.catalogue.allows_batches()
    assert spotify.calls() == ["/tracks"]


def test_an_app_whose_batches_end_goes_on_singly_at_the_first_refusal(start: Start) -> None:
    spotify = start("legacy_dev")
    assert spotify.catalogue.allows_batches()
    spotify.becomes("new_dev")
    ids = spotify.ids("tracks", 3)

    assert found("tracks", list(spotify.catalogue.several("tracks", ids))) == ids
    assert spotify.capabilities.allowed("tracks_batch") is False


@pytest.mark.parametrize(
    ("batch_allowed", "connected", "words"),
    [
        (False, 1, "new Development Mode"),
        (False, 9, "new Development Mode"),
        (True, 5, "Development Mode of before February 2026, or Extended"),
        (True, 6, "Extended"),
        (None, 6, "Extended"),
        (None, 5, "tier not known yet"),
    ],
)
def test_the_tier_is_told_by_what_is_refused(batch_allowed: bool | None, connected: int, words: str) -> None:
    assert tier(batch_allowed, connected) == words


@pytest.mark.parametrize("in_tier", TIERS)
def test_the_tracks_of_an_own_playlist_are_read_in_every_tier(in_tier: Tier, start: Start) -> None:
    spotify = start(in_tier)
    longest = max(playlists_of(spotify.simulator.world), key=lambda each: len(each.tracks) if each.owner else 0)
    assert longest.owner
    spotify.simulator.world.book.access["token"] = AccessToken(longest.owner.user, SCOPE, NOW + timedelta(days=9))
    assert len(longest.tracks) > 50

    pages = list(spotify.catalogue.playlist_items(longest.id))

    tracks = [track for page in pages for track in track_objects(read_payload(page.body))]
    assert [track.text("id") for track in tracks] == [track.id for track in longest.tracks]
    assert spotify.calls() == [f"/playlists/{longest.id}/items"] * 2
    # The playlist itself holds its first page, under the tier's name for it.
    whole = read_payload(spotify.catalogue.client.get(f"/playlists/{longest.id}").body)
    assert [track.text("id") for track in track_objects(whole)] == [track.id for track in longest.tracks]


def test_the_old_address_of_a_playlist_is_asked_where_the_new_one_is_not_there(start: Start) -> None:
    spotify = start("legacy_dev")
    own = playlists_of(spotify.simulator.world)[1]
    spotify.fault(
        path="/v1/playlists/*/items", status=404, body={"error": {"status": 404, "message": "Service not found"}}
    )

    pages = list(spotify.catalogue.playlist_items(own.id))

    assert sum(len(track_objects(read_payload(page.body))) for page in pages) == len(own.tracks)


def test_a_playlist_that_is_not_for_this_app_is_refused_in_words(start: Start) -> None:
    spotify = start("new_dev")
    foreign = next(
        each
        for each in playlists_of(spotify.simulator.world)
        if each.owner and each.owner.user == "bo" and each.is_public
    )
    with pytest.raises(NotAllowedInTier):
        list(spotify.catalogue.playlist_items(foreign.id))
    assert spotify.calls() == [f"/playlists/{foreign.id}/{name}" for name in ("items", "tracks")]
    spotify.catalogue.allows_batches()
    spotify.calls()
    with pytest.raises(NotAllowedInTier):
        list(spotify.catalogue.playlist_items(foreign.id))
    assert spotify.calls() == [f"/playlists/{foreign.id}/items"]
    for unknown in (TOP_50, "../me"):
        with pytest.raises(NotFound):
            list(spotify.catalogue.playlist_items(unknown))
    assert "/me" not in spotify.calls()


TRACK = {"id": "t", "type": "track"}


@pytest.mark.parametrize(
    "body",
    [
        {"items": [{"item": TRACK}]},
        {"items": [{"track": TRACK}]},
        {"items": [{"item": TRACK, "track": TRACK}]},
        {"items": [{"item": None, "track": TRACK}]},
        {"items": {"items": [{"item": TRACK}]}},
        {"tracks": {"items": [{"track": TRACK}]}},
        {"tracks": {"items": [{"track": TRACK}]}, "items": {"items": [{"item": TRACK}]}},
        {"items": [{"item": None}, {"item": {"id": "e", "type": "episode"}}, {}, {"item": TRACK}, 7]},
    ],
)
def test_every_shape_of_a_playlist_is_read(body: object) -> None:
    assert [track.text("id") for track in track_objects(read_payload(json.dumps(body).encode()))] == ["t"]
