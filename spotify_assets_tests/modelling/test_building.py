"""Builds on a real Postgres with a real dbt: what is incremental equals what is rebuilt, and nothing is left behind."""

import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from spotify_assets.spotify.logins import NewLogin, save_login
from spotify_assets.spotify.models import Profile
from spotify_assets.storage.time_zones import set_for_all_time, set_from
from spotify_assets_tests.modelling.conftest import Builder, Play, Raw, Roles, Row
from spotify_assets_tests.sizes import size


def _play_count(builder: Builder) -> object:
    return builder.rows("select count(*) from marts.fct_plays")[0][0]


@pytest.mark.soak
def test_incremental_builds_equal_a_full_rebuild_row_for_row(builder: Builder, raw: Raw) -> None:
    chance = random.Random(20261121)  # noqa: S311
    raw.listener("ada", "America/New_York")
    raw.listener("bob", "Asia/Tokyo")
    start = datetime(2025, 12, 20, tzinfo=UTC)
    track_ids = [*(f"track{n}" for n in range(12)), "spotify:local:a:b:c:1"]
    there: set[Play] = set()

    def some_tracks(count: int) -> dict[str, tuple[str, int | None, str | None, list[str]]]:
        return {
            track: (
                f"name {chance.random():.3f}",
                chance.choice([None, 180_000, 240_000]),
                chance.choice([None, "album0", "album1"]),
                chance.choices(["artist0", "artist1", "artist2", "artist3"], k=chance.choice([0, 1, 2, 3])),
            )
            for track in chance.sample(track_ids, count)
        }

    for step in range(6):
        new = {
            (
                chance.choice(["ada", "bob", "eve"]),
                (start + timedelta(minutes=chance.randrange(60 * 24 * 45))).isoformat(" "),
                chance.choice(track_ids),
            )
            for _ in range(120 if step == 0 else chance.randrange(1, 9))
        } - there
        gone = set(chance.sample(sorted(there), min(len(there), chance.randrange(4))))
        there = (there | new) - gone
        raw.load(
            sorted(new),
            gone=gone,
            tracks=some_tracks(13 if step == 0 else chance.randrange(4)),
            albums={"album0": f"album {step}"} if step % 2 else {},
            artists={f"artist{chance.randrange(4)}": f"artist {step}"} if step != 2 else {},
        )
        if step == 3:
            continue  # two loads, one build
        outcome = builder.build()
        assert outcome.broken == []
        is_full = builder.rows("select is_full from ops.builds order by build_id desc limit 1")
        assert is_full == [(False,)]
        assert builder.rows("select count(*) from ops.changed_days") == [(0,)]
        if step > 0:
            incremental = builder.everything()
            assert incremental["track_periods"]
            builder.rebuild()
            assert builder.everything() == incremental


@pytest.mark.soak
def test_an_artist_gets_and_loses_genres_with_the_tracks_by_whose_isrc_they_are_known(
    builder: Builder, raw: Raw
) -> None:
    """Nothing changes of the artist: only which tracks credit them."""
    builder.execute("insert into raw.musicbrainz_isrcs values ('GBALB8300001', 'mbid', 'Who')")
    builder.execute("insert into raw.musicbrainz_tags values ('mbid', 'rock', 3)")
    builder.execute("insert into raw.musicbrainz_genres values ('rock')")
    play = ("ada", "2026-03-01 10:00:00+00", "a")
    raw.load([play], tracks={"a": ("A", 180_000, None, ["who"])}, artists={"who": "Who", "other": "Other"})
    builder.build()
    genres: LiteralString = "select genres from marts.dim_artists where artist_id = 'who'"
    assert builder.rows(genres) == [(None,)]

    raw.load(tracks={"b": ("B", 180_000, None, ["who"])}, isrcs={"b": "GBALB8300001"})
    builder.execute(
        "insert into raw.track_versions (track_id, content_hash, valid_from, lake_key, artist_ids) "
        "values ('b', '1', '2026-03-01Z', 'key', '{who}')"
    )
    builder.build()
    assert builder.rows(genres) == [(["rock"],)]
    if size(False, True):
        incremental = builder.everything()
        builder.rebuild()
        assert builder.everything() == incremental

    raw.load(tracks={"b": ("B", 180_000, None, ["other"])})
    builder.build()
    assert builder.rows("select is_full from ops.builds order by build_id desc limit 1") == [(False,)]
    assert builder.rows(genres) == [(None,)]


def test_nothing_changed_means_no_build(builder: Builder, raw: Raw) -> None:
    raw.load([("ada", "2026-03-01 10:00:00+00", "a")])
    assert builder.build().kind == "built"
    builds = builder.rows("select count(*) from ops.builds")
    outcome = builder.build()
    assert outcome.kind == "skipped"
    assert "Nothing changed" in outcome.reason
    assert builder.rows("select count(*) from ops.builds") == builds


@pytest.mark.soak
def test_a_time_zone_moves_plays_to_another_local_date_and_changing_it_rebuilds(builder: Builder, raw: Raw) -> None:
    raw.listener("ada", "Europe/Berlin")
    raw.load([("ada", "2026-03-28 23:30:00.123+00", "a"), ("ada", "2026-10-25 00:30:00+00", "a")])
    builder.build()
    local = "select local_date::text, local_hour from marts.fct_plays order by played_at"
    assert builder.rows(local) == [("2026-03-29", 0), ("2026-10-25", 2)]
    with raw.warehouse.connect() as connection:
        set_for_all_time(connection, "ada", "America/Los_Angeles")
    assert builder.build().kind == "built"
    assert builder.rows(local) == [("2026-03-28", 16), ("2026-10-24", 17)]


@pytest.mark.soak
def test_builds_after_changes_of_zones_equal_a_full_rebuild_and_touch_nobody_else(builder: Builder, raw: Raw) -> None:
    """Whole, dated, dated again, replaced; a login that comes after the plays; a listener without plays."""
    chance = random.Random(20260502)  # noqa: S311
    start = datetime(2026, 4, 20, tzinfo=UTC)
    raw.listener("ada", "Europe/Berlin")
    raw.listener("bob", "Asia/Tokyo")
    raw.load(
        sorted(
            {
                (user, (start + timedelta(minutes=chance.randrange(60 * 24 * 40))).isoformat(" "), f"track{n % 5}")
                for user in ("ada", "bob", "eve")
                for n in range(60)
            }
        ),
        tracks={f"track{n}": (f"name {n}", 180_000, None, ["artist"]) for n in range(5)},
        artists={"artist": "The Artist"},
    )
    builder.build()
    changes: list[tuple[str, Callable[[psycopg.Connection], object]]] = [
        ("ada", lambda connection: set_for_all_time(connection, "ada", "America/New_York")),
        ("ada", lambda connection: set_from(connection, "ada", "Asia/Tokyo", date(2026, 5, 2))),
        ("ada", lambda connection: set_for_all_time(connection, "ada", "America/New_York")),
        ("eve", lambda connection: save_login(connection, _login("eve", "Australia/Sydney"))),
    ]
    dates = "select play_id, local_date::text, local_hour from marts.fct_plays order by 1"
    for whose, change in changes:
        before = builder.rows(dates)
        with raw.warehouse.connect() as connection:
            change(connection)
        assert builder.rows("select distinct user_id from ops.changed_days") == [(whose,)]
        assert builder.build().kind == "built"
        assert builder.rows("select is_full from ops.builds order by build_id desc limit 1") == [(False,)]
        assert builder.rows(dates) != before
        if size(whose == changes[-1][0], True):
            incremental = builder.everything()
            builder.rebuild()
            assert builder.everything() == incremental
    with raw.warehouse.connect() as connection:
        save_login(connection, _login("new", "Asia/Kolkata"))
        set_from(connection, "new", "Asia/Tokyo", date(2026, 5, 2))
        save_login(connection, _login("eve", "Asia/Kolkata"))
    assert builder.build().kind == "skipped", "nobody's plays moved"


def _login(user_id: str, time_zone: str) -> NewLogin:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    profile = Profile(id=f"account of {user_id}")
    return NewLogin(user_id, "http://127.0.0.1", profile, time_zone, now, b"refresh", b"access", now, None)


@pytest.mark.soak
def test_a_broken_row_stops_the_audit_and_the_marts_stay_as_they_were(builder: Builder, raw: Raw) -> None:
    raw.load([("ada", "2026-03-01 10:00:00+00", "a")])
    builder.build()
    before = builder.everything()
    raw.load([("ada", "2026-03-02 10:00:00+00", "")])
    outcome = builder.build()
    assert [result.name for result in outcome.broken] == ["stg_plays_track_key_is_not_empty"]
    assert "select" in Path(str(outcome.broken[0].compiled_path)).read_text()
    after = builder.everything()
    marts = {name for schema, name in builder.project.relations() if schema == "marts"}
    assert {name: after[name] for name in marts} == {name: before[name] for name in marts}
    assert builder.build().broken, "it is tried again, and fails again, until the row is gone"
    raw.load(gone=[("ada", "2026-03-02 10:00:00+00", "")])
    assert builder.build().broken == []
    assert builder.everything() == before


def test_in_a_tick_tests_read_only_what_the_build_changed_and_the_nightly_audit_reads_all(
    builder: Builder, raw: Raw
) -> None:
    raw.load([("ada", "2026-03-01 10:00:00+00", "a")])
    builder.build()
    raw.load([("ada", "2026-01-05 10:00:00+00", "")], announce=False)
    raw.load([("ada", "2026-03-02 10:00:00+00", "b")])
    assert builder.build().broken == []
    nightly = builder.session().test(["stg_plays_track_key_is_not_empty"])
    assert [result.status for result in nightly.results] == ["fail"]


@pytest.mark.soak
def test_a_missing_index_and_a_track_without_a_row_are_found(builder: Builder, raw: Raw) -> None:
    raw.load([("ada", "2026-03-01 10:00:00+00", "a")], tracks={"a": ("A", 1000, None, ["x"])}, artists={"x": "X"})
    builder.build()
    tests = ["unique_index_fct_plays_play_id", "relationships_fct_plays_track_id__track_id__ref_dim_tracks_"]
    assert [result.status for result in builder.session().test(tests).results] == ["pass", "pass"]
    [(index,)] = builder.rows(
        "select indexrelid::regclass::text from pg_index where indrelid = 'marts.fct_plays'::regclass and indisunique"
    )
    with raw.warehouse.connect() as connection:
        connection.execute(f"drop index {index}".encode())
        connection.execute("delete from marts.dim_tracks")
    found = {result.name: result.status for result in builder.session().test(tests).results}
    assert found == dict(zip(tests, ("fail", "warn"), strict=True))


@pytest.mark.soak
def test_whoever_finds_the_lock_taken_leaves_its_load_to_the_holder(builder: Builder, raw: Raw) -> None:
    raw.load([("ada", "2026-03-01 10:00:00+00", "a")])
    holder, other = builder.session(), builder.session()
    assert holder.audit("first").kind == "built"
    raw.load([("ada", "2026-03-01 11:00:00+00", "b")])
    assert other.audit("second").kind == "left"
    assert other.marts("second").kind == "left"
    assert holder.marts("first").broken == []
    assert _play_count(builder) == 2
    assert builder.build().kind == "skipped"


@pytest.mark.soak
def test_a_load_that_comes_while_the_lock_is_let_go_is_built_by_the_one_who_held_it(builder: Builder, raw: Raw) -> None:
    raw.load([("ada", "2026-03-01 10:00:00+00", "a")])
    builder.build()
    holder = builder.session()
    release = holder._lock.release
    late = [("ada", "2026-03-01 11:00:00+00", "b")]

    def release_after_a_late_load() -> None:
        if late and holder._lock.is_held:
            raw.load([late.pop()])
            assert builder.session().audit("late").kind == "left"
        release()

    holder._lock.release = release_after_a_late_load  # type: ignore[method-assign]
    assert holder.audit("quiet").kind == "built"
    holder.marts("quiet")
    assert _play_count(builder) == 2


def test_two_runs_at_once_build_everything_exactly_once(builder: Builder, raw: Raw) -> None:
    raw.load([("ada", "2026-03-01 10:00:00+00", "a")])
    builder.build()
    errors: list[BaseException] = []

    def tick(hour: int) -> None:
        try:
            raw.load([("ada", f"2026-03-02 {hour}:00:00+00", "b")])
            builder.build()
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=tick, args=(hour,)) for hour in range(10, 14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert _play_count(builder) == 5
    assert builder.build().kind == "skipped"


_AUDIT_AND_WAIT = """
import sys, time
from pathlib import Path
from spotify_assets.modelling.project import find_project
from spotify_assets.modelling.session import BuildSession
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.modelling.conftest import CLOCK
session = BuildSession(Warehouse(sys.stdin.readline().strip()), CLOCK, find_project(Path(sys.argv[1])))
print(session.audit("killed").kind, flush=True)
time.sleep(600)
"""


@pytest.mark.soak
def test_killed_between_audit_and_marts_the_next_quiet_tick_completes_the_marts(builder: Builder, raw: Raw) -> None:
    raw.load([("ada", "2026-03-01 10:00:00+00", "a")], artists={"x": "X"}, tracks={"a": ("A", 1000, None, ["x"])})
    builder.build()
    raw.load([("ada", "2026-03-02 10:00:00+00", "b")])
    with subprocess.Popen(
        [sys.executable, "-c", _AUDIT_AND_WAIT, str(builder.project.home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin
        assert child.stdout
        child.stdin.write(make_conninfo(builder.warehouse.dsn) + "\n")
        child.stdin.flush()
        assert child.stdout.readline() == "built\n"
        assert builder.build().kind == "left"
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert _play_count(builder) == 1
    outcome = builder.build()
    while outcome.kind == "left":  # until Postgres has noticed that the holder is gone
        outcome = builder.build()
    assert outcome.broken == []
    assert _play_count(builder) == 2
    if size(False, True):
        incremental = builder.everything()
        builder.rebuild()
        assert builder.everything() == incremental


# What each mart says that the listener has played, all told.
_TOTALS: list[LiteralString] = [
    "select count(*) from marts.fct_plays",
    "select sum(plays) from marts.track_days",
    "select sum(plays) from marts.top_tracks where period_kind = 'all_time'",
    "select sum(plays) from marts.top_artists where period_kind = 'all_time'",
    "select sum(plays) from marts.listening_periods where period_kind = 'all_time'",
    "select sum(plays) from marts.sessions",
    "select sum(plays) from marts.streaks",
    "select sum(plays) from marts.wrapped where period_kind = 'year'",
]


def test_a_reader_sees_only_totals_that_were_true_during_ticks_imports_and_full_rebuilds(
    builder: Builder, raw: Raw, roles: Roles
) -> None:
    raw.load([("ada", f"2026-03-01 10:{minute:02}:00+00", "a") for minute in range(60)])
    raw.load(tracks={"a": ("A", 60_000, None, ["x"])}, artists={"x": "X"})
    builder.build()
    stop = threading.Event()
    seen: dict[str, set[object]] = {query: set() for query in _TOTALS}
    errors: list[BaseException] = []

    def read() -> None:
        try:
            with roles.login(roles.dashboard) as dashboard:
                while not stop.is_set():
                    for query in _TOTALS:
                        seen[query].update(total for (total,) in dashboard.execute(query))
                    stop.wait(0.3)
        except BaseException as error:
            errors.append(error)
            raise

    reader = threading.Thread(target=read)
    reader.start()
    true = [60]
    try:
        for number in range(size(1, 4)):
            raw.load([("ada", f"2026-03-0{number + 2} 10:00:00+00", "a")])
            assert builder.build().broken == []
            rows = [Row("ada", f"2026-03-0{number + 2} 11:{minute:02}:00+00", "a", 60_000) for minute in range(5)]
            raw.export(f"file{number}", rows)
            assert builder.build().broken == []
            assert builder.rebuild().broken == []
            true += [true[-1] + 1, true[-1] + 6]
    finally:
        stop.set()
        reader.join()
    assert errors == []
    assert [query for query in _TOTALS if not seen[query] <= set(true)] == []
    assert all(true[-1] in seen[query] for query in _TOTALS)
