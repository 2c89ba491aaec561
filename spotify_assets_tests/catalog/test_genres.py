"""Genres from a simulated MusicBrainz: in few calls, one in 1.1 s; a 503 is no answer; rebuilt they are the same."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatch
from pathlib import Path

import pytest
import requests

from spotify_assets.automation.backlog import nothing_to_do
from spotify_assets.catalog import genres
from spotify_assets.catalog.genres import AskedGenres, GenreRun, load_genre_answers, open_musicbrainz
from spotify_assets.catalog.musicbrainz import (
    ADDRESS,
    BETWEEN_CALLS,
    FEWEST_GENRES,
    TRIES,
    read_answer,
    user_agent,
)
from spotify_assets.clock import clock_from
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.musicbrainz import NO_GENRES, true_genres
from spotify_assets.storage.lake import open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.catalog.test_enrichment import enrich_all, installation
from spotify_assets_tests.ticks import fault, no_faults
from spotify_assets_tests.world import World, snapshot

NOW = datetime(2026, 3, 4, 20, tzinfo=UTC)
MBID, ANOTHER = "b10bbbfc-cf9e-42e0-be17-e2c3e1d2600d", "381086ea-f511-4aba-bdf9-71c753dc5077"


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


def ask(world: World, sleep: Callable[[float], None] = lambda _seconds: None) -> AskedGenres:
    """One run; by default the waits between calls are only noted."""
    chosen = world.settings()
    assert chosen.musicbrainz_url
    clock = clock_from(chosen)
    with open_musicbrainz(chosen.musicbrainz_url, clock, chosen.musicbrainz_contact, sleep) as musicbrainz:
        return GenreRun(world.warehouse, open_lake(chosen), musicbrainz, clock).run()


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
        done = ask(world)
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
        assert ask(world).calls == 0
        world.at(NOW + timedelta(days=91))
        assert ask(world).calls == 3


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
        assert ask(world).calls == 0
        world.at(NOW + timedelta(days=31))
        ask(world)
        again = asked(world)
        assert ("/url" in again) == (rate < 1)


def test_a_503_is_never_no_genre(monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path) -> None:
    with listened(monkeypatch, warehouse, tmp_path, musicbrainz_hit_rate=1.0) as world:
        fault(world, path="/musicbrainz/url", status=503, body={"error": "busy"}, headers={"retry-after": "0"})
        asked(world)
        done = ask(world)
        assert f"(HTTP 503, {TRIES} tries): it is asked again later" in str(done.stopped)
        assert asked(world) == ["/genre/all", *["/url"] * TRIES]
        assert world.rows("select count(*) from ops.genre_lookups") == [(0,)]
        no_faults(world)
        # Shedding a third of all calls, it still comes to the same.
        app = f"{world.simulator.url}/_sim/app"
        requests.post(app, json={"musicbrainz_busy": 0.35}, timeout=10).raise_for_status()
        for _ in range(5):
            if not ask(world).stopped:
                break
        assert {artist: stored(world)[artist] for artist in truth(world)} == truth(world)


def test_one_bad_id_does_not_hold_the_others(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    with listened(monkeypatch, warehouse, tmp_path, musicbrainz_hit_rate=1.0) as world:
        with warehouse.connect() as connection:
            connection.execute("insert into raw.artists (artist_id, name) values ('odd', 'Odd')")
            connection.execute("insert into raw.musicbrainz_addresses (artist_id, mbid) values ('odd', 'no-mbid')")
        # All addresses together are too long, this once; of the MBIDs one has not their form.
        fault(world, path="/musicbrainz/url", status=414, body="too long", count=1)
        done = ask(world)
        assert (done.stopped, done.failed) == (None, False)
        assert {artist: stored(world)[artist] for artist in truth(world)} == truth(world)
        assert world.rows("select id from ops.genre_lookups where kind = 'tags' and not was_found") == [("no-mbid",)]
        assert ask(world).calls == 0


def test_where_everything_is_refused_nothing_is_concluded_and_the_run_says_so(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    with listened(monkeypatch, warehouse, tmp_path, musicbrainz_hit_rate=1.0) as world:
        for status in (400, 403, 404):
            fault(world, path="/musicbrainz/url", status=status, body={"error": "no"})
            done = ask(world)
            assert done.failed
            assert f"MusicBrainz refused /url (HTTP {status}): nothing is concluded" in str(done.stopped)
            no_faults(world)
        assert world.rows("select count(*) from ops.genre_lookups") == [(0,)]


@pytest.mark.parametrize("status", [400, 200])
def test_an_isrc_that_is_refused_or_credits_nobody_of_the_name_is_not_found_for_a_month(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path, status: int
) -> None:
    with listened(monkeypatch, warehouse, tmp_path, musicbrainz_hit_rate=0.0) as world:
        somebody = {"artist": {"id": MBID, "name": "Somebody else", "tags": []}}
        for (isrc,) in world.rows("select distinct isrc from raw.tracks"):
            answer = {"isrc": isrc, "recordings": [{"artist-credit": [somebody]}]}
            fault(world, path=f"/musicbrainz/isrc/{isrc}", status=status, body=answer)
        assert not ask(world).failed
        assert world.rows("select distinct was_found from ops.genre_lookups where kind = 'isrc'") == [(False,)]
        world.at(NOW + timedelta(days=31))
        asked(world)
        ask(world)
        assert any(path.startswith("/isrc/") for path in asked(world))


def test_musicbrainz_is_told_whom_to_write_to_and_where_it_is_not_the_run_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    for contact in ("me@example.org", "https://example.org/me"):
        assert re.fullmatch(rf"spotify-assets/\d+\.\d+\.\d+ \( {contact} \)", user_agent(contact))
    with listened(monkeypatch, warehouse, tmp_path) as world:
        assert not ask(world).failed
        chosen = world.settings()
        clock = clock_from(chosen)
        world.at(NOW + timedelta(days=91))
        with open_musicbrainz(str(chosen.musicbrainz_url), clock, None) as musicbrainz:
            done = GenreRun(warehouse, open_lake(chosen), musicbrainz, clock).run()
        assert done.failed
        assert "(HTTP 403)" in str(done.stopped)
        assert "set MUSICBRAINZ_CONTACT" in str(done.stopped)


def test_a_run_ends_when_its_time_is_over(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    with listened(monkeypatch, warehouse, tmp_path, musicbrainz_hit_rate=1.0) as world:
        monkeypatch.setattr(genres, "SECONDS_A_RUN", 0.0)
        done = ask(world)
        assert (done.calls, done.stopped, done.failed) == (2, "0 minutes are enough for one run.", False)


@pytest.mark.parametrize(
    ("name", "credited", "found"),
    [
        ("Björk", {"mbid-1": "Bjork!", "mbid-2": "björk"}, ["mbid-2"]),
        ("Björk", {"mbid-1": "BJÖRK", "mbid-2": "björk"}, []),
        ("!!!", {"mbid-1": "!!!"}, []),
        ("!!!", {"mbid-1": "???"}, []),
    ],
)
def test_by_isrc_an_artist_is_found_only_where_just_one_has_the_name_and_there_is_a_name_to_compare(
    warehouse: Warehouse, name: str, credited: dict[str, str], found: list[str]
) -> None:
    with warehouse.connect() as connection:
        connection.execute("insert into raw.artists (artist_id, name) values ('a', %s)", (name,))
        connection.execute("insert into raw.tracks (track_id, isrc) values ('t', 'GB-ALB-83-00001')")
        connection.execute("insert into raw.track_artists values ('t', 1, 'a')")
        for mbid, called in credited.items():
            connection.execute("insert into raw.musicbrainz_isrcs values ('GBALB8300001', %s, %s)", (mbid, called))
        rows = connection.execute("select mbid from raw.artist_mbids where artist_id = 'a'").fetchall()
    assert [mbid for (mbid,) in rows] == found


def test_the_waits_keep_the_rate_that_musicbrainz_allows(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    """Real seconds, against a MusicBrainz that counts them and knows who asks."""
    with listened(monkeypatch, warehouse, tmp_path, musicbrainz_hit_rate=1.0, musicbrainz_rate_limit=True) as world:
        asked(world)
        assert "HTTP 503" in str(ask(world).stopped)
        assert set(asked(world)) == {"/genre/all", "/url"}
        time.sleep(BETWEEN_CALLS)
        assert not ask(world, time.sleep).stopped
        assert asked(world) == ["/url", "/artist"]


def test_the_list_of_genres_decides_whatever_is_loaded_first(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path, new_warehouse: Callable[[], Warehouse]
) -> None:
    with listened(monkeypatch, warehouse, tmp_path, musicbrainz_hit_rate=0.7) as world:
        ask(world)
        world.at(NOW + timedelta(days=40))
        kept = ["ambient", "jazz", "techno", *(f"genre {number}" for number in range(FEWEST_GENRES))]
        fault(world, path="/musicbrainz/genre/all", body="\n".join(kept))
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


MANY = [f"genre {number}" for number in range(FEWEST_GENRES)]


@pytest.mark.parametrize(
    "payload",
    [
        "<html>busy</html>",
        "",
        "rock",
        "upstream connect error\nor disconnect/reset before headers\n",
        "\n".join(MANY[1:]),
        "\n".join([*MANY, "g" * 501]),
        "\n".join([*MANY, "<p>"]),
    ],
)
def test_what_is_no_list_of_genres_takes_nobody_s_genres_away(payload: str) -> None:
    answers, faults = read_answer(payload.encode())
    assert answers.genres is None
    assert len(faults) == 1
    assert read_answer("\n".join(MANY).encode())[0].genres == sorted(MANY)


ROCK = {"name": "rock", "count": 2}
CREDIT = {"name": "Artist", "artist": {"id": MBID, "name": "Artist", "tags": []}}
RELATION = {"artist": {"id": MBID}, "ended": False}


@pytest.mark.parametrize(
    ("odd", "good"),
    [
        ({"tags": "rock"}, {"tags": [ROCK]}),
        ({"tags": None}, {"tags": [ROCK]}),
        ({"tags": [ROCK, 5]}, {}),
        ({"tags": [{"name": 3, "count": 2}, ROCK]}, {"tags": []}),
        ({"tags": [{"name": "g" * 501, "count": 2}]}, {"tags": []}),
    ],
)
def test_tags_that_cannot_be_read_take_no_known_ones_away(odd: dict[str, object], good: dict[str, object]) -> None:
    artists = [{"id": MBID, **odd}, {"id": ANOTHER, **good}]
    answers, faults = read_answer(json.dumps({"artists": artists}).encode())
    assert answers.tags == {ANOTHER: {tag["name"]: tag["count"] for tag in good.get("tags", [])}}  # type: ignore[attr-defined]
    assert len(faults) == 1


@pytest.mark.parametrize(
    "relations",
    [
        "?",
        None,
        [RELATION, {"artist": {"id": "00-no-mbid"}}],
        [{"artist": MBID}],
        [{"artist": {"id": MBID}, "ended": "no"}],
    ],
)
def test_an_address_that_cannot_be_read_takes_no_known_artist_away(relations: object) -> None:
    urls = [
        {"resource": f"{ADDRESS}odd", "relations": relations},
        {"resource": f"{ADDRESS}good", "relations": [RELATION]},
    ]
    answers, faults = read_answer(json.dumps({"urls": urls}).encode())
    assert answers.addresses == {"good": [MBID]}
    assert len(faults) == 1


@pytest.mark.parametrize(
    "recordings",
    [7, None, [{"artist-credit": "?"}], [{"artist-credit": [CREDIT, {"artist": {"id": "no-mbid", "name": "Odd"}}]}]],
)
def test_recordings_that_cannot_be_read_take_no_known_credits_away(recordings: object) -> None:
    answers, faults = read_answer(json.dumps({"isrc": "GBALB8300001", "recordings": recordings}).encode())
    assert answers.isrcs == {}
    assert len(faults) == 1


@pytest.mark.parametrize("body", ["<html>busy</html>", '{"error": "busy"}'])
@pytest.mark.parametrize(
    ("path", "rate", "kind"),
    [("/genre/all", 1.0, "address"), ("/url", 1.0, "address"), ("/artist", 1.0, "tags"), ("/isrc/*", 0.0, "isrc")],
)
def test_an_answer_to_something_else_is_no_answer(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path, path: str, rate: float, kind: str, body: str
) -> None:
    """Status 200 alone once meant "not found" for a month or three; a bad list was asked for 545 times in a run."""
    with listened(monkeypatch, warehouse, tmp_path, musicbrainz_hit_rate=rate) as world:
        fault(world, path=f"/musicbrainz{path}", status=200, body=body)
        asked(world)
        done = ask(world)
        assert done.failed
        assert "MusicBrainz sent something else than was asked for" in str(done.stopped)
        assert sum(fnmatch(each, path) for each in asked(world)) == 1
        assert world.rows("select count(*) from ops.genre_lookups where kind = %s", (kind,)) == [(0,)]
        # It landed, and waits to be looked at.
        assert world.rows("select count(*) from raw.quarantine") == [(1,)]
        no_faults(world)
        assert not ask(world).failed


def test_an_artist_who_was_merged_into_another_is_asked_for_once_a_month(
    monkeypatch: pytest.MonkeyPatch, warehouse: Warehouse, tmp_path: Path
) -> None:
    with listened(monkeypatch, warehouse, tmp_path, musicbrainz_hit_rate=1.0) as world:
        with warehouse.connect() as connection:
            connection.execute("insert into raw.artists (artist_id, name) values ('merged', 'Merged')")
            connection.execute("insert into raw.musicbrainz_addresses values ('merged', %s)", (MBID,))
        fault(world, path=f"/musicbrainz/artist/{MBID}", status=200, body={"id": ANOTHER, "tags": [ROCK]})
        assert not ask(world).stopped
        assert world.rows("select id from ops.genre_lookups where kind = 'tags' and not was_found") == [(MBID,)]


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
