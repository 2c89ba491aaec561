"""What exports name is asked for, the most played first, within the budget; polling is never late for it."""

import json
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from spotify_assets.automation.backlog import nothing_to_do
from spotify_assets.catalog import backlog, enrichment
from spotify_assets.catalog.assets import ARTIST_KINDS, TRACK_KINDS
from spotify_assets.catalog.coverage import coverage
from spotify_assets.catalog.enrichment import Enriched, Enrichment
from spotify_assets.catalog.landed import LoadedThings, load_things
from spotify_assets.catalog.objects import COLUMNS, Kind
from spotify_assets.clock import clock_from
from spotify_assets.listening.exports.importing import import_export
from spotify_assets.listening.exports.sources import given, read
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.spotify import client
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.storage.alone import alone
from spotify_assets.storage.lake import Lake, open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.listening.exports.made_up import AUDIO, as_file, put, row
from spotify_assets_tests.sizes import size
from spotify_assets_tests.ticks import fault, no_faults
from spotify_assets_tests.world import World, snapshot

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
BUDGET = 500
DAY = timedelta(days=1)


@contextmanager
def installation(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, home: Path, config: SimulatorConfig, **extra: str
) -> Iterator[World]:
    with SimulatorServer(config) as simulator:
        world = World.make(monkeypatch, warehouse, simulator, home, **extra)
        world.login("alex")
        yield world


def take_in(world: World, *paths: Path) -> None:
    chosen = world.settings()
    items = read(given(paths)[0])
    import_export(world.warehouse, open_lake(chosen), clock_from(chosen), "alex", items, "Europe/Berlin")


def enrich(world: World, kinds: tuple[Kind, ...], most_calls: int = 10_000) -> Enriched:
    """What one of the two assets asks for in a run."""
    chosen = world.settings()
    clock = clock_from(chosen)
    spotify = SpotifyAccess.open(chosen, world.warehouse, clock)
    return Enrichment(world.warehouse, open_lake(chosen), spotify, clock, kinds, most_calls).run()


def enrich_all(world: World) -> Enriched:
    """Runs of both assets, one after the other, until nothing is asked for any more or something is in the way."""
    done = Enriched()
    while not done.stopped:
        new = enrich(world, TRACK_KINDS) + enrich(world, ARTIST_KINDS)
        done += new
        if not new.calls:
            break
    return done


def calls(world: World) -> list[str]:
    """The paths of the Web API that were asked for since the last look."""
    url = f"{world.simulator.url}/_sim/requests"
    log = requests.get(url, timeout=10).json()["requests"]
    requests.delete(url, timeout=10).raise_for_status()
    return [call["path"].removeprefix("/v1") for call in log if call["path"].startswith("/v1")]


def named(world: World, tmp_path: Path, plays: dict[str, int]) -> None:
    """An export that names these tracks, played so often."""
    rows, number = [], 0
    for track_id, times in plays.items():
        for _ in range(times):
            number += 1
            rows.append(row(number, spotify_track_uri=f"spotify:track:{track_id}"))
    take_in(world, put(tmp_path / "export", {AUDIO: as_file(rows)}))


def some_tracks(world: World, count: int) -> list[str]:
    music = world.simulator.world.catalogue
    return [music.artist(900 + number).albums[0].tracks[0].id for number in range(count)]


def test_the_most_played_come_first_then_their_artists_and_albums_and_nothing_is_asked_twice(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    with installation(monkeypatch, warehouse, tmp_path / "home", SimulatorConfig(at=NOW, plays_a_day=0)) as world:
        tracks = some_tracks(world, 3)
        unknown = "0" * 22
        named(world, tmp_path, {tracks[0]: 1, tracks[1]: 3, unknown: 2, tracks[2]: 5})
        world.build()
        calls(world)
        done = enrich_all(world)
        music = world.simulator.world.catalogue
        asked = calls(world)
        assert asked[0] == "/tracks"  # whether several at once are allowed, which new Development Mode denies
        assert [path for path in asked if path.startswith("/tracks/")] == [
            f"/tracks/{each}" for each in (tracks[2], tracks[1], unknown, tracks[0])
        ]
        kinds = [path.split("/")[1] for path in asked]
        assert kinds.index("artists") > max(place for place, kind in enumerate(kinds) if kind == "tracks")
        assert kinds.index("albums") > max(place for place, kind in enumerate(kinds) if kind == "artists")
        assert [path for path in asked if path.startswith("/albums/")] == [
            f"/albums/{music.artist(900 + number).albums[0].id}" for number in (2, 1, 0)
        ]
        assert done.unknown == 1
        assert not done.stopped
        assert world.rows("select count(*) from raw.tracks where isrc is not null") == [(3,)]
        assert world.rows("select count(*) from raw.albums where upc is null") == [(0,)]
        assert world.rows("select count(*) from raw.artists where image_url is null") == [(0,)]
        # Nothing is left to ask; the unknown one is asked for again after a month, and so is all the rest.
        assert enrich_all(world).calls == 0
        assert calls(world) == []
        world.at(NOW + timedelta(days=29))
        assert enrich_all(world).calls == 0
        world.at(NOW + timedelta(days=31))
        again = enrich_all(world)
        assert again.unknown == 1
        paths = calls(world)
        assert next(path for path in paths if path.startswith("/tracks/")) == f"/tracks/{unknown}"
        assert {f"/tracks/{each}" for each in tracks} < set(paths)


def test_albums_wait_for_tracks_and_artists_and_the_stale_for_all_that_is_missing(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    """The asset of tracks and albums runs first, and the budget may end in any call."""
    with installation(monkeypatch, warehouse, tmp_path / "home", SimulatorConfig(at=NOW, plays_a_day=0)) as world:
        old, new = some_tracks(world, 2)
        named(world, tmp_path, {old: 1})
        enrich_all(world)
        world.at(NOW + timedelta(days=31))
        named(world, tmp_path, {old: 1, new: 1})
        calls(world)
        kinds = []
        while enrich(world, TRACK_KINDS, 1).calls + enrich(world, ARTIST_KINDS, 1).calls:
            kinds += [path.split("/")[1] for path in calls(world)]
        # One new track, its artists, its album; and then what is a month old.
        first_album = kinds.index("albums")
        assert (kinds[0], set(kinds[1:first_album])) == ("tracks", {"artists"})
        assert set(kinds[first_album + 1 :]) == {"tracks", "albums", "artists"}
        assert (kinds.count("tracks"), kinds.count("albums")) == (2, 2)


def test_a_run_makes_no_more_calls_than_it_may_and_counts_those_that_brought_nothing(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    with installation(monkeypatch, warehouse, tmp_path / "home", SimulatorConfig(at=NOW, plays_a_day=0)) as world:
        unknown = [f"{number:022}" for number in range(30)]
        named(world, tmp_path, dict.fromkeys([*some_tracks(world, 9), *unknown], 1))
        calls(world)
        # The first of them is refused: Development Mode has no call for several.
        first = enrich(world, TRACK_KINDS, 10)
        assert len(calls(world)) == first.calls == 10
        assert first.unknown == 9
        assert first.stopped == "10 calls are enough for one run."
        fault(world, path="/v1/tracks/*", status=503, body="busy", count=1)
        second = enrich(world, TRACK_KINDS)
        assert len(calls(world)) == second.calls == 31


def test_an_id_that_is_answered_with_another_or_with_none_is_asked_for_once_a_month(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    """It was asked for before: the old word of it must not pass for an answer of now, or the run asks without end."""
    with installation(monkeypatch, warehouse, tmp_path / "home", SimulatorConfig(at=NOW, plays_a_day=0)) as world:
        another, nameless, relinked = (f"{number:022}" for number in range(3))
        named(world, tmp_path, dict.fromkeys([another, nameless, relinked], 1))
        assert enrich(world, TRACK_KINDS).unknown == 3
        world.at(NOW + timedelta(days=31))
        found = {"id": some_tracks(world, 1)[0], "name": "The same song", "type": "track"}
        fault(world, path=f"/v1/tracks/{another}", body=found)
        fault(world, path=f"/v1/tracks/{nameless}", body={"name": "without an id"})
        fault(world, path=f"/v1/tracks/{relinked}", body=found | {"linked_from": {"id": relinked, "type": "track"}})
        calls(world)
        assert enrich(world, TRACK_KINDS, 20).calls == len(calls(world)) == 4
        assert world.rows(
            "select id, is_unknown from ops.catalog_fetches where id = any(%s) order by id",
            ([another, nameless, relinked],),
        ) == [(another, True), (nameless, True), (relinked, False)]
        assert enrich(world, TRACK_KINDS, 20).calls == 0


def test_what_changed_is_a_version_and_a_renamed_artist_is_one_artist_with_a_history(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    with installation(monkeypatch, warehouse, tmp_path / "home", SimulatorConfig(at=NOW, plays_a_day=0)) as world:
        [track_id] = some_tracks(world, 1)
        named(world, tmp_path, {track_id: 1})
        enrich_all(world)
        [(artist_id, name)] = world.rows(
            "select artist_id, name from raw.artists inner join raw.track_artists using (artist_id) where position = 1"
        )
        artist = {"id": artist_id, "name": "The Artist Formerly Known", "images": [], "type": "artist"}
        fault(world, path=f"/v1/artists/{artist_id}", body=artist)
        world.at(NOW + timedelta(days=40))
        enrich(world, ("artist",))
        assert world.rows("select name from raw.artists where artist_id = %s", (artist_id,)) == [
            ("The Artist Formerly Known",)
        ]
        versions = world.rows(
            "select name, min(valid_from)::date::text from raw.artist_versions where artist_id = %s group by name "
            "order by 2",
            (artist_id,),
        )
        assert versions == [(name, "2026-03-04"), ("The Artist Formerly Known", "2026-04-13")]


@pytest.mark.parametrize("tier", ["legacy_dev", "extended"])
def test_where_batches_are_allowed_fifty_go_in_a_call(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path, tier: str
) -> None:
    config = SimulatorConfig(at=NOW, plays_a_day=0, tier=tier)  # type: ignore[arg-type]
    with installation(monkeypatch, warehouse, tmp_path / "home", config) as world:
        tracks = some_tracks(world, 120)
        named(world, tmp_path, dict.fromkeys([*tracks, "0" * 22], 1))
        calls(world)
        done = enrich(world, ("track",))
        assert calls(world) == ["/tracks"] * 3
        assert (done.calls, done.unknown) == (3, 1)
        assert world.rows("select count(*) from raw.tracks") == [(120,)]
        enrich(world, ("artist",))
        if tier == "extended":
            assert world.rows("select count(*) from raw.artists where followers is null") == [(0,)]
            assert world.rows("select count(*) > 0 from raw.artist_genres where source = 'spotify'") == [(True,)]


def test_a_run_that_fails_in_the_middle_keeps_what_it_got_and_says_why(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    with installation(monkeypatch, warehouse, tmp_path / "home", SimulatorConfig(at=NOW, plays_a_day=0)) as world:
        tracks = some_tracks(world, 5)
        named(world, tmp_path, {each: 5 - place for place, each in enumerate(tracks)})
        world.build()
        quota = {"error": {"status": 429, "message": "Too many requests", "reason": "QUOTA_EXCEEDED"}}
        fault(world, path=f"/v1/tracks/{tracks[3]}", status=429, body=quota, headers={"retry-after": "48925"})
        done = enrich_all(world)
        assert "used up its daily quota" in str(done.stopped)
        assert world.rows("select count(*) from raw.tracks") == [(3,)]
        chosen = world.settings()
        without_genres = chosen.model_copy(update={"musicbrainz_url": None})
        assert "quota" in str(nothing_to_do(without_genres, warehouse, clock_from(chosen)))
        no_faults(world)
        world.at(NOW + DAY)
        assert not enrich_all(world).stopped
        assert world.rows("select count(*) from raw.tracks") == [(5,)]


def test_a_run_that_dies_once_answers_lie_in_the_lake_is_made_good_by_the_next_which_does_not_ask_again(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    with installation(monkeypatch, warehouse, tmp_path / "home", SimulatorConfig(at=NOW, plays_a_day=0)) as world:
        tracks = some_tracks(world, 4)
        named(world, tmp_path, dict.fromkeys(tracks, 1))
        calls(world)

        def dies(at: Warehouse, lake: Lake, keys: Sequence[str]) -> LoadedThings:
            if keys:
                raise SystemExit("killed")
            return load_things(at, lake, keys)

        monkeypatch.setattr(enrichment, "load_things", dies)
        with pytest.raises(SystemExit):
            enrich(world, ("track",))
        monkeypatch.setattr(enrichment, "load_things", load_things)
        assert len(calls(world)) == 5
        assert world.rows("select count(*) from raw.tracks") == [(0,)]
        assert enrich(world, ("track",)).loaded.things == {"track": 4}
        assert calls(world) == []
        assert world.rows("select count(*) from raw.tracks where isrc is not null") == [(4,)]


@pytest.mark.soak
def test_landed_answers_give_the_same_rows_in_any_order(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path, new_warehouse: Callable[[], Warehouse]
) -> None:
    with installation(monkeypatch, warehouse, tmp_path / "home", SimulatorConfig(at=NOW, tier="extended")) as world:
        named(world, tmp_path, dict.fromkeys(some_tracks(world, 30), 1))
        for days in (0, 31, 62):
            world.at(NOW + timedelta(days=days))
            enrich_all(world)
            requests.post(
                f"{world.simulator.url}/_sim/app", json={"tier": "new_dev" if days else "extended"}, timeout=10
            ).raise_for_status()
        lake = open_lake(world.settings())
        keys = [key for dataset in ("tracks", "artists", "albums") for key in lake.list(f"{dataset}/")]
        orders = [keys, keys[::-1], [*keys[1::2], *keys[::2], *keys]]
        seen = []
        for order in orders:
            again = new_warehouse()
            for start in range(0, len(order), 7):
                load_things(again, lake, order[start : start + 7])
            seen.append(snapshot(again, "raw"))
        assert seen[0] == seen[1] == seen[2]
        assert len(seen[0]["raw.artist_versions"]) > 30


NOT_LISTED = "The user is not registered for this application. Please check your settings."


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, NOT_LISTED),
        (403, {"error": {"status": 403, "message": "Insufficient client scope"}}),
        (401, {"error": {"status": 401, "message": "The access token expired"}}),
    ],
)
def test_who_is_not_served_holds_up_nobody_where_another_listener_is(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path, status: int, body: object
) -> None:
    config = SimulatorConfig(at=NOW, plays_a_day=0, listeners=("alex", "blair"))
    with installation(monkeypatch, warehouse, tmp_path / "home", config) as world:
        named(world, tmp_path, dict.fromkeys(some_tracks(world, 3), 1))
        fault(world, path="/v1/*", user="alex", status=status, body=body)
        alone = enrich(world, TRACK_KINDS)
        assert alone.is_refused
        assert "alex" in str(alone.stopped)
        world.login("blair")
        calls(world)
        done = enrich(world, TRACK_KINDS)
        assert (done.stopped, done.loaded.things) == (None, {"track": 3})
        assert done.calls == len(calls(world))


@pytest.mark.parametrize("tier", ["new_dev", "extended"])
@pytest.mark.parametrize("status", [451, 500])
def test_an_id_that_always_fails_holds_up_no_other(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path, status: int, tier: str
) -> None:
    """The order is stable: what comes first and fails came first in every run."""
    monkeypatch.setattr(client, "TRIES", 1)
    config = SimulatorConfig(at=NOW, plays_a_day=0, tier=tier)  # type: ignore[arg-type]
    with installation(monkeypatch, warehouse, tmp_path / "home", config) as world:
        tracks = sorted(some_tracks(world, 4))
        named(world, tmp_path, dict.fromkeys(tracks, 1))
        fault(world, path="/v1/tracks", status=status, body={"error": {"status": status}})
        for bad in tracks[:2]:
            fault(world, path=f"/v1/tracks/{bad}", status=status, body={"error": {"status": status}})
        done = enrich(world, TRACK_KINDS)
        assert set(tracks[2:]) == {track for (track,) in world.rows("select track_id from raw.tracks")}
        assert not done.is_refused
        assert (done.unknown, done.passed_over) == ((2, 0) if status == 451 else (0, 2))
        # Albums wait for tracks, but not for these; and a run that gets nothing else is no refusal of everything.
        enrich(world, ARTIST_KINDS)
        enrich(world, TRACK_KINDS)
        assert world.rows("select count(*) from raw.albums where upc is null") == [(0,)]
        again = enrich(world, TRACK_KINDS)
        assert (again.failed, again.is_refused) == (status == 500, False)
        no_faults(world)
        assert not enrich(world, TRACK_KINDS).stopped


def test_of_two_runs_at_once_one_asks(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path) -> None:
    with installation(monkeypatch, warehouse, tmp_path / "home", SimulatorConfig(at=NOW, plays_a_day=0)) as world:
        named(world, tmp_path, dict.fromkeys(some_tracks(world, 2), 1))
        calls(world)
        with alone(warehouse, enrichment.LOCK):
            second = enrich(world, TRACK_KINDS)
        assert (second.stopped, second.failed) == ("Another run is asking Spotify just now.", False)
        assert calls(world) == []
        assert enrich(world, TRACK_KINDS).loaded.things["track"] == 2


def test_after_three_failures_in_a_row_a_run_is_over(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    monkeypatch.setattr(client, "TRIES", 1)
    with installation(monkeypatch, warehouse, tmp_path / "home", SimulatorConfig(at=NOW, plays_a_day=0)) as world:
        named(world, tmp_path, dict.fromkeys(some_tracks(world, 9), 1))
        fault(world, path="/v1/tracks/*", status=500, body="busy")
        calls(world)
        done = enrich(world, TRACK_KINDS)
        assert done.is_refused
        assert len(calls(world)) == 4
        assert "HTTP 500" in str(done.stopped)
        assert world.rows("select count(*) from ops.catalog_fetches") == [(0,)]


def test_what_cannot_be_read_goes_to_quarantine_and_the_others_load(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    with installation(monkeypatch, warehouse, tmp_path / "home", SimulatorConfig(at=NOW, plays_a_day=0)) as world:
        tracks = some_tracks(world, 3)
        named(world, tmp_path, dict.fromkeys(tracks, 1))
        odd = {"id": tracks[1], "name": 7, "duration_ms": "long", "artists": "nobody", "type": "track"}
        fault(world, path=f"/v1/tracks/{tracks[1]}", body=odd)
        fault(world, path=f"/v1/tracks/{tracks[2]}", body={"name": "without an id"})
        done = enrich(world, ("track",))
        assert done.loaded.quarantined == 4
        assert world.rows("select count(*) from raw.tracks") == [(2,)]
        assert {position for (position,) in world.rows("select position from raw.quarantine")} == {
            "/name",
            "/duration_ms",
            "/artists",
            "",
        }
        # What was answered with something else is not asked for again and again.
        calls(world)
        assert enrich(world, ("track",)).calls == 0


def test_the_sensor_says_when_nobody_is_connected_and_when_the_budget_is_spent(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    config = SimulatorConfig(at=NOW, plays_a_day=0)
    budget = {"SPOTIFY_DAILY_REQUEST_BUDGET": "120", "MUSICBRAINZ_URL": "none"}
    with installation(monkeypatch, warehouse, tmp_path / "home", config, **budget) as world:
        named(world, tmp_path, dict.fromkeys(some_tracks(world, 20), 1))

        def why() -> str | None:
            chosen = world.settings()
            return nothing_to_do(chosen, warehouse, clock_from(chosen))

        assert why() is None
        done = enrich(world, TRACK_KINDS)
        assert done.calls == 17
        assert not done.failed
        assert why() == done.stopped
        assert "The budget of 120 requests in 24 hours leaves none for enrichment until" in str(done.stopped)
        world.at(NOW + DAY)
        assert why() is None
        with warehouse.connect() as connection:
            connection.execute("update ops.listeners set status = 'needs_login'")
        assert why() == enrich(world, TRACK_KINDS).stopped == "Nobody is connected, so Spotify can't be asked."


def test_polled_tracks_cost_no_call(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path) -> None:
    with installation(monkeypatch, warehouse, tmp_path / "home", SimulatorConfig(at=NOW)) as world:
        world.tick_without_dagster(build=False)
        assert world.rows("select count(*) > 20 from raw.tracks where isrc is not null") == [(True,)]
        calls(world)
        enrich_all(world)
        assert {path.split("/")[1] for path in calls(world)} == {"artists", "albums"}


def test_within_a_budget_the_share_of_described_listening_grows_day_by_day_and_polling_is_never_late(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """In `make test` a fifth of a simulated life within a smaller budget; in the soak a real listener's ten years."""
    export = tmp_path / "export.zip"
    known: tuple[Path, ...] = ()
    if size(False, True):
        export = request.getfixturevalue("real_data") / "exports" / "listener_a_extended.zip"
        known = (export,)
    budget = size(240, BUDGET)
    config = SimulatorConfig(at=NOW, known_exports=known, plays_a_day=size(0, 40))
    extra = {"SPOTIFY_DAILY_REQUEST_BUDGET": str(budget)}
    with installation(monkeypatch, warehouse, tmp_path / "home", config, **extra) as world:
        if known:
            take_in(world, export)
        else:
            named(world, tmp_path, {each: 1 + 60 // (place + 1) for place, each in enumerate(some_tracks(world, 45))})
        world.build()
        simulator = world.simulator
        asked: list[datetime] = []
        shares, late = [coverage(warehouse)], []
        at = NOW
        while shares[-1].full_ms < shares[-1].ms or _waiting(world):
            assert len(shares) < size(12, 90), [share.said() for share in shares]
            for tick in range(size(12, 48)):
                world.at(at)
                polled = world.tick_without_dagster(build=False)
                late += [*polled.failures, *polled.waiting]
                if tick % 3 == 0:
                    # More at once would wait for a window of 30 seconds, in a standing time.
                    enrich(world, TRACK_KINDS, 20)
                    enrich(world, ARTIST_KINDS, 20)
                at += DAY / size(12, 48)
            log = simulator.world.log.requests
            asked += [call.at for call in log if call.path.startswith("/v1/")]
            log.clear()
            shares.append(coverage(warehouse))
            print(f"after day {len(shares) - 1:2}: {shares[-1].said()} {_waiting(world)}")
        assert late == []
        most = max(number + 1 - bisect_right(asked, moment - DAY) for number, moment in enumerate(asked))
        print(f"{len(asked)} calls in {len(shares) - 1} days, at most {most} in any 24 hours")
        assert most <= budget
        described = [share.full_ms for share in shares]
        assert described == sorted(described)
        assert len(shares) > 2
        assert shares[-1].full_ms == shares[-1].ms


def _waiting(world: World) -> dict[str, int]:
    with world.warehouse.connect() as connection:
        return backlog.counts(connection, clock_from(world.settings()).now())


@pytest.mark.soak
def test_an_extended_app_needs_a_thirtieth_of_the_calls(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path, real_data: Path
) -> None:
    export = real_data / "exports" / "listener_a_extended.zip"
    config = SimulatorConfig(at=NOW, known_exports=(export,), plays_a_day=0, tier="extended")
    with installation(monkeypatch, warehouse, tmp_path / "home", config) as world:
        take_in(world, export)
        world.build()
        calls(world)
        enrich_all(world)
        asked = calls(world)
        made = {kind: asked.count(f"/{kind}s") for kind in COLUMNS}
        assert sum(made.values()) == len(asked)
        things = {
            kind: int(str(world.rows(f"select count(*) from ops.catalog_fetches where kind = '{kind}'")[0][0]))
            for kind in COLUMNS
        }
        print(json.dumps({"things": things, "calls": made}))
        assert not _waiting(world)
        assert sum(made.values()) * 30 <= sum(things.values())
        assert (made["track"] + made["artist"]) * 45 <= things["track"] + things["artist"]
