"""Genres from a simulated MusicBrainz: in few calls, one in 1.1 s; a 503 is no answer; rebuilt they are the same."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from spotify_assets.automation.backlog import nothing_to_do
from spotify_assets.catalog.genres import AskedGenres, GenreRun, load_genre_answers, open_musicbrainz
from spotify_assets.catalog.musicbrainz import BETWEEN_CALLS, TRIES, MusicBrainz, read_answer
from spotify_assets.clock import clock_from
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.musicbrainz import NO_GENRES, true_genres
from spotify_assets.storage.lake import open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.catalog.test_enrichment import enrich_all, installation
from spotify_assets_tests.ticks import fault, no_faults
from spotify_assets_tests.world import World, snapshot

NOW = datetime(2026, 3, 4, 20, tzinfo=UTC)


@contextmanager
def listened(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path, **config: object
) -> Iterator[World]:
    """A listener who was polled on three days: some hundred tracks, and who is credited on them."""
    with installation(monkeypatch, warehouse, tmp_path / "home", SimulatorConfig(at=NOW, **config)) as world:  # type: ignore[arg-type]
        for days in (2, 1, 0):
            world.at(NOW - timedelta(days=days))
            world.tick_without_dagster(build=False)
        yield world


def ask(world: World, **changes: object) -> tuple[AskedGenres, MusicBrainz]:
    """One run; the waits between calls are only noted."""
    chosen = world.settings()
    assert chosen.musicbrainz_url
    clock = clock_from(chosen)
    with open_musicbrainz(chosen.musicbrainz_url, clock) as musicbrainz:
        musicbrainz.sleep = changes.pop("sleep", lambda _seconds: None)  # type: ignore[assignment]
        musicbrainz.jitter = lambda: 0.5
        run = GenreRun(world.warehouse, open_lake(chosen), musicbrainz, clock, **changes)  # type: ignore[arg-type]
        return run.run(), musicbrainz


def asked(world: World) -> list[str]:
    """The paths of MusicBrainz that were asked for since the last look."""
    url = f"{world.simulator.url}/_sim/requests"
    log = requests.get(url, timeout=10).json()["requests"]
    requests.delete(url, timeout=10).raise_for_status()
    return [call["path"].removeprefix("/musicbrainz") for call in log if call["path"].startswith("/musicbrainz")]


def truth(world: World) -> dict[object, dict[str, int]]:
    """Genres with votes of all artists who are credited on tracks, as MusicBrainz has them."""
    music = world.simulator.world.catalogue
    found = {}
    for (artist_id,) in world.rows("select distinct artist_id from raw.track_artists"):
        artist = music.find_artist(str(artist_id))
        assert artist
        found[artist_id] = true_genres(world.simulator.world, artist)
    return found


def stored(world: World) -> dict[object, dict[object, object]]:
    found: dict[object, dict[object, object]] = {}
    for artist_id, genre, votes in world.rows("select artist_id, genre, votes from raw.artist_genres"):
        found.setdefault(artist_id, {})[genre] = votes
    return found


def test_where_every_address_is_known_two_calls_for_ninety_artists_give_all_genres(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    with listened(monkeypatch, warehouse, tmp_path, musicbrainz_hit_rate=1.0) as world:
        asked(world)
        done, _ = ask(world)
        artists = int(str(world.rows("select count(*) from raw.artists")[0][0]))
        assert 30 < artists <= 90
        assert asked(world) == ["/genre/all", "/url", "/artist"]
        assert done.calls == 3
        assert {artist: stored(world)[artist] for artist in truth(world)} == truth(world)
        kept = {genre for genres in stored(world).values() for genre in genres}
        assert not kept & set(NO_GENRES)
        assert world.rows("select distinct source, licence from raw.artist_genres") == [
            ("musicbrainz", "CC BY-NC-SA 3.0")
        ]
        # Nothing is asked twice; after three months all of it is.
        assert ask(world)[0].calls == 0
        world.at(NOW + timedelta(days=91))
        assert ask(world)[0].calls == 3


@pytest.mark.parametrize(("rate", "at_least", "at_most"), [(1.0, 100, 100), (0.6, 65, 99), (0.26, 26, 70)])
def test_artists_without_an_address_are_found_by_isrc_and_the_coverage_is_told(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path, rate: float, at_least: int, at_most: int
) -> None:
    with listened(monkeypatch, warehouse, tmp_path, musicbrainz_hit_rate=rate) as world:
        ask(world)
        [(total, with_genres, by_isrc)] = world.rows(
            """
            select count(*), count(g.artist_id), count(*) filter (where m.found_by = 'isrc')
            from (select distinct artist_id from raw.track_artists) as a
            left join (select distinct artist_id from raw.artist_genres) as g using (artist_id)
            left join raw.artist_mbids as m using (artist_id)
            """
        )
        covered = 100 * int(str(with_genres)) / int(str(total))
        print(f"hit rate {rate:.0%}: {covered:.0f} % of {total} artists have genres, {by_isrc} of them by ISRC")
        assert at_least <= covered <= at_most
        assert (int(str(by_isrc)) > 0) == (rate < 1)
        expected = truth(world)
        assert all(genres == expected[artist] for artist, genres in stored(world).items() if artist in expected)
        # Who was not found is remembered for a month.
        asked(world)
        assert ask(world)[0].calls == 0
        world.at(NOW + timedelta(days=31))
        ask(world)
        again = asked(world)
        assert ("/url" in again) == (rate < 1)


def test_a_503_is_never_no_genre(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path) -> None:
    with listened(monkeypatch, warehouse, tmp_path, musicbrainz_hit_rate=1.0) as world:
        fault(world, path="/musicbrainz/url", status=503, body={"error": "busy"}, headers={"retry-after": "0"})
        asked(world)
        done, _ = ask(world)
        assert f"(HTTP 503, {TRIES} tries): nothing is concluded" in str(done.stopped)
        assert asked(world) == ["/genre/all", *["/url"] * TRIES]
        assert world.rows("select count(*) from ops.genre_lookups") == [(0,)]
        no_faults(world)
        # Shedding a third of all calls, it still comes to the same.
        app = f"{world.simulator.url}/_sim/app"
        requests.post(app, json={"musicbrainz_busy": 0.35}, timeout=10).raise_for_status()
        for _ in range(5):
            if not ask(world)[0].stopped:
                break
        assert {artist: stored(world)[artist] for artist in truth(world)} == truth(world)


def test_the_waits_keep_the_rate_that_musicbrainz_allows(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    """Real seconds, against a MusicBrainz that counts them and knows who asks."""
    with listened(monkeypatch, warehouse, tmp_path, musicbrainz_hit_rate=1.0, musicbrainz_rate_limit=True) as world:
        asked(world)
        assert "HTTP 503" in str(ask(world)[0].stopped)
        assert set(asked(world)) == {"/genre/all", "/url"}
        time.sleep(BETWEEN_CALLS)
        done, musicbrainz = ask(world, sleep=time.sleep)
        assert not done.stopped
        assert asked(world) == ["/url", "/artist"]
        assert str(musicbrainz.session.headers["User-Agent"]).startswith("spotify-assets/")
        nobody = requests.get(f"{world.simulator.url}/musicbrainz/url", headers={"User-Agent": ""}, timeout=10)
        assert nobody.status_code == 403


def test_the_list_of_genres_decides_whatever_is_loaded_first(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path, new_warehouse: Callable[[], Warehouse]
) -> None:
    with listened(monkeypatch, warehouse, tmp_path, musicbrainz_hit_rate=0.7) as world:
        ask(world)
        world.at(NOW + timedelta(days=40))
        fault(world, path="/musicbrainz/genre/all", body="ambient\njazz\ntechno\n")
        ask(world)
        assert {genre for genres in stored(world).values() for genre in genres} <= {"ambient", "jazz", "techno"}
        lake = open_lake(world.settings())
        keys = list(lake.list("genres/"))
        seen = []
        for order in (keys, keys[::-1], [*keys[1::2], *keys[::2], *keys]):
            again = new_warehouse()
            for start in range(0, len(order), 3):
                load_genre_answers(again, lake, order[start : start + 3])
            seen.append({name: rows for name, rows in snapshot(again, "raw").items() if "musicbrainz" in name})
        assert seen[0] == seen[1] == seen[2]
        here = snapshot(world.warehouse, "raw")
        assert seen[0] == {name: here[name] for name in seen[0]}


def test_a_page_in_place_of_the_list_takes_nobody_s_genres_away() -> None:
    for payload in (b"<html>busy</html>", b"", b"rock"):
        answers, faults = read_answer(payload)
        assert answers.genres is None
        assert len(faults) == 1
    answers, faults = read_answer(
        b'{"artists": [{"id": "a", "tags": [{"name": 3}, 5, {"name": "rock", "count": 2}]}, {}]}'
    )
    assert answers.tags == {"a": {"rock": 2}}
    assert len(faults) == 3


def test_genres_can_be_switched_off_and_the_sensor_says_why_nothing_runs(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    with listened(monkeypatch, warehouse, tmp_path) as world:
        chosen = world.settings()
        assert nothing_to_do(chosen, warehouse, clock_from(chosen)) is None
        ask(world)
        enrich_all(world)
        assert nothing_to_do(chosen, warehouse, clock_from(chosen)) == "Everything that was played is described."
        off = chosen.model_copy(update={"musicbrainz_url": None})
        world.at(NOW + timedelta(days=91))
        assert nothing_to_do(chosen, warehouse, clock_from(chosen)) is None
        with warehouse.connect() as connection:
            connection.execute("update ops.catalog_fetches set fetched_at = %s", (NOW + timedelta(days=90),))
            connection.execute("update ops.version_sightings set last_fetched_at = %s", (NOW + timedelta(days=90),))
        assert nothing_to_do(off, warehouse, clock_from(chosen)) == "Everything that was played is described."


def test_models_show_genres_by_weight_and_share_plays_out_among_them(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    with listened(monkeypatch, warehouse, tmp_path, musicbrainz_hit_rate=1.0) as world:
        ask(world)
        world.build()
        expected = truth(world)
        for artist_id, genres, source in world.rows(
            "select artist_id, genres, genres_source from marts.dim_artists where genres is not null"
        ):
            if artist_id in expected:
                votes = expected[artist_id]
                assert genres == sorted(votes, key=lambda genre: (-votes[genre], genre))
                assert source == "musicbrainz"
        assert world.rows(
            "select distinct round(sum(weight)::numeric, 6) from marts.artist_genres group by artist_id"
        ) == [(1,)]
        [(plays,)] = world.rows("select sum(plays) from marts.track_periods where period_kind = 'all_time'")
        [(shared, unknown)] = world.rows(
            "select sum(plays), sum(plays) filter (where genre = 'unknown') from marts.top_genres "
            "where period_kind = 'all_time'"
        )
        assert abs(float(str(shared)) - float(str(plays))) < 0.5
        assert unknown is None
