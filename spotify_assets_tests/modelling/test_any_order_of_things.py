"""Whatever happens to a history, and in whatever order: what ticks build piece by piece is what a full build makes.

And what is left in the lake makes the same history again.
"""

import json
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from spotify_assets.listening.ledger import DATASET
from spotify_assets.loaders import LOADERS
from spotify_assets.modelling.project import Project
from spotify_assets.storage.lake import lake_key
from spotify_assets.storage.landed import in_order_of_fetching
from spotify_assets.storage.time_zones import set_for_all_time, set_from
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.listening.exports.made_up import AUDIO, as_file, row
from spotify_assets_tests.listening.exports.place import Place
from spotify_assets_tests.modelling.conftest import Builder, Raw

LISTENERS = ["ada", "bob"]
TRACKS = [f"track{number:017}" for number in range(6)]
ARTISTS = [f"artist{number:016}" for number in range(3)]
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati"]
# The last days of a year with the first of the next, and what is fetched afterwards.
START = datetime(2025, 12, 28, tzinfo=UTC)
FETCHED = datetime(2026, 1, 8, tzinfo=UTC)
RULED_BY_HAND: tuple[str, ...] = ("ops.listeners", "ops.listener_time_zones", "ops.exclusions")

listeners = st.sampled_from(LISTENERS)
minutes = st.integers(0, 60 * 24 * 9)
tracks = st.sampled_from(TRACKS)
several_plays = st.lists(st.tuples(minutes, tracks), min_size=1, max_size=12)
lengths = st.sampled_from([0, 5_000, 29_999, 30_000, 180_000, 5_400_000])
spans = st.tuples(minutes, minutes).map(sorted).filter(lambda span: span[0] < span[1])


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


class History(RuleBasedStateMachine):
    """What people and Spotify do to a history, each followed by what a tick builds."""

    new_warehouse: Callable[[], Warehouse]
    project: Project
    new_folder: Callable[[], Path]
    steps_a_build: int

    @initialize()
    def begin(self) -> None:
        self.steps = 0
        self.place = Place(self.new_warehouse(), self.new_folder())
        self.builder = Builder(self.place.warehouse, self.project)
        self.times = (FETCHED + timedelta(minutes=number) for number in count())
        self.files: list[tuple[str, bytes]] = []
        self.names = {artist: artist.title() for artist in ARTISTS}
        self.described: dict[str, tuple[str, int, list[str]]] = {
            track: (track.title(), 200_000, ARTISTS[:1]) for track in TRACKS
        }
        for listener in LISTENERS:
            Raw(self.place.warehouse).listener(listener, "Europe/Berlin")
        self.polled("ada", [(0, track) for track in TRACKS[:1]])

    def built(self) -> None:
        """Builds, after so many steps."""
        self.steps += 1
        if self.steps % self.steps_a_build == 0:
            assert self.builder.build().broken == []

    def polled(self, user: str, plays: Iterable[tuple[int, str]]) -> None:
        """Lands and loads a page with these plays: on time, late, or known."""
        items = []
        for minute, track in sorted(set(plays), reverse=True):
            name, ms, by = self.described[track]
            said = {
                "id": track,
                "uri": f"spotify:track:{track}",
                "name": name,
                "duration_ms": ms,
                "artists": [{"id": artist, "name": self.names[artist]} for artist in by],
                "album": {"id": "album".ljust(22, "0"), "name": "Album", "artists": []},
            }
            played_at = at(minute).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            items.append({"track": said, "played_at": played_at, "context": None})
        page = json.dumps({"items": items}).encode()
        key = lake_key(DATASET, page, next(self.times), user)
        self.place.lake.put(key, page)
        LOADERS[DATASET](self.place.warehouse, self.place.lake, [key])
        self.built()

    def changed(self, change: Callable[[psycopg.Connection], object]) -> None:
        with self.place.warehouse.connect() as connection:
            change(connection)
        self.built()

    @rule(user=listeners, plays=several_plays)
    def polls_on_time_or_late(self, user: str, plays: list[tuple[int, str]]) -> None:
        self.polled(user, plays)

    @rule(user=listeners, plays=several_plays, ms=lengths, shift=st.integers(0, 50))
    def imports(self, user: str, plays: list[tuple[int, str]], ms: int, shift: int) -> None:
        """A file of an export; its streams lie near plays, or where nobody polled."""
        rows = [
            row(
                number,
                ts=f"{at(minute) + timedelta(seconds=shift):%Y-%m-%dT%H:%M:%SZ}",
                ms_played=ms,
                spotify_track_uri=f"spotify:track:{track}",
                master_metadata_track_name=track,
                master_metadata_album_artist_name="Artist0",
            )
            for number, (minute, track) in enumerate(plays)
        ]
        self.files.append((user, as_file(rows)))
        self.imports_again(len(self.files) - 1)

    @rule(number=st.integers(0, 20))
    def imports_again(self, number: int) -> None:
        if self.files:
            user, body = self.files[number % len(self.files)]
            self.place.take_files({AUDIO: body}, user_id=user, at=next(self.times))
            self.built()

    @rule()
    def replays(self) -> None:
        self.loads_the_lake(self.place.warehouse)
        self.built()

    def loads_the_lake(self, warehouse: Warehouse) -> None:
        for dataset, load in LOADERS.items():
            load(warehouse, self.place.lake, in_order_of_fetching(self.place.lake.list(f"{dataset}/")))

    @rule(track=tracks, ms=lengths, by=st.lists(st.sampled_from(ARTISTS), unique=True, min_size=1, max_size=3))
    def learns_of_a_track(self, track: str, ms: int, by: list[str]) -> None:
        self.described[track] = (f"{track} {ms}", ms, by)
        self.polled("ada", [(0, track)])

    @rule(artist=st.sampled_from(ARTISTS), name=st.sampled_from(["The X", "Artist0", "Y"]), track=tracks)
    def renames_an_artist(self, artist: str, name: str, track: str) -> None:
        self.names[artist] = name
        self.polled("ada", [(0, track)])

    @rule(user=st.one_of(st.none(), listeners), about=st.sampled_from(["track", "artist", "span"]), span=spans)
    def excludes(self, user: str | None, about: str, span: list[int]) -> None:
        value = {"track": TRACKS[span[0] % 6], "artist": ARTISTS[span[0] % 3], "span": None}[about]
        begins, ends = (at(span[0]), at(span[1])) if about == "span" else (None, None)
        self.changed(
            lambda connection: connection.execute(
                "insert into ops.exclusions (user_id, kind, value, starts_at, ends_at) values (%s, %s, %s, %s, %s)",
                (user, about, value, begins, ends),
            )
        )

    @rule(number=st.integers(1, 5))
    def lifts_or_changes_a_rule(self, number: int) -> None:
        statement = "delete from ops.exclusions" if number % 2 else "update ops.exclusions set user_id = 'bob'"
        self.changed(lambda connection: connection.execute(f"{statement} where rule_id = {number}".encode()))

    @rule(user=listeners, zone=st.sampled_from(ZONES), days=st.one_of(st.none(), st.integers(0, 9)))
    def moves(self, user: str, zone: str, days: int | None) -> None:
        if days is None:
            self.changed(lambda connection: set_for_all_time(connection, user, zone))
        else:
            self.changed(lambda connection: set_from(connection, user, zone, date(2025, 12, 28) + timedelta(days=days)))

    def teardown(self) -> None:
        if hasattr(self, "builder"):
            assert self.builder.build().broken == []
            incremental = self.builder.everything()
            assert self.builder.rebuild().broken == []
            assert _different(self.builder.everything(), incremental) == set()
            assert _different(self.from_the_lake(), incremental) == set()

    def from_the_lake(self) -> dict[str, list[str]]:
        """The models of a new warehouse: the lake is loaded, and what people said by hand is copied."""
        anew = Builder(self.new_warehouse(), self.project)
        self.loads_the_lake(anew.warehouse)
        with self.place.warehouse.connect() as told, anew.warehouse.connect() as copy:
            for table in RULED_BY_HAND:
                for (said,) in told.execute(f"select to_json(t)::text from {table} as t".encode()).fetchall():
                    copy.execute(
                        f"insert into {table} overriding system value "
                        f"select * from json_populate_record(null::{table}, %s)".encode(),
                        (said,),
                    )
        assert anew.build().broken == []
        return anew.everything()


def _different(one: dict[str, list[str]], other: dict[str, list[str]]) -> set[str]:
    return {name for name, rows in one.items() if rows != other[name]}


def test_each_thing_that_can_happen_leaves_what_a_full_build_makes(
    new_warehouse: Callable[[], Warehouse], project: Project, tmp_path: Path
) -> None:
    """One history with each step in it, and those before in front of those after."""
    history = _machine(new_warehouse, project, tmp_path, steps_a_build=4)()
    history.begin()
    history.polls_on_time_or_late("ada", [(60 * 24 * 4, TRACKS[1]), (60 * 24 * 4 + 20, TRACKS[2]), (5, TRACKS[1])])
    history.imports("ada", [(60 * 24 * 4, TRACKS[1]), (60 * 24 * 3 + 1, TRACKS[3])], 180_000, 7)
    history.polls_on_time_or_late("bob", [(60 * 24 * day, TRACKS[4]) for day in range(9)])
    history.excludes(None, "artist", [1, 2])
    history.excludes("ada", "span", [0, 60 * 24 * 2])
    history.excludes("bob", "track", [4, 5])
    history.moves("ada", "Pacific/Kiritimati", None)
    history.learns_of_a_track(TRACKS[1], 5_400_000, ARTISTS[:2])
    history.renames_an_artist(ARTISTS[1], "Artist0", TRACKS[1])
    history.moves("bob", "America/New_York", 4)
    history.lifts_or_changes_a_rule(1)
    history.lifts_or_changes_a_rule(2)
    history.polls_on_time_or_late("ada", [(60 * 24 * 4 + 10, TRACKS[5]), (60 * 24 * 8, TRACKS[0])])
    history.imports_again(0)
    history.replays()
    history.teardown()


@pytest.mark.soak
def test_any_order_of_things_leaves_what_a_full_build_makes(
    new_warehouse: Callable[[], Warehouse], project: Project, tmp_path: Path
) -> None:
    run_state_machine_as_test(
        _machine(new_warehouse, project, tmp_path),
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


def _machine(
    new_warehouse: Callable[[], Warehouse], project: Project, folder: Path, steps_a_build: int = 1
) -> type[History]:
    folders = count()
    bound = {
        "new_warehouse": staticmethod(new_warehouse),
        "new_folder": staticmethod(lambda: folder / str(next(folders))),
        "project": project,
        "steps_a_build": steps_a_build,
    }
    return type("TheHistory", (History,), bound)
