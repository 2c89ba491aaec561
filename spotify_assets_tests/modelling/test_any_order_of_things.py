"""Whatever happens to a history, and in whatever order: what ticks build piece by piece is what a full build makes."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import psycopg
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from spotify_assets.modelling.project import Project
from spotify_assets.storage.time_zones import set_for_all_time, set_from
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.modelling.conftest import Builder, Play, Raw, Row
from spotify_assets_tests.sizes import size

LISTENERS = ["ada", "bob"]
TRACKS = [f"track{number}" for number in range(6)]
ARTISTS = [f"artist{number}" for number in range(3)]
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Kiritimati"]
# The last days of a year with the first of the next, and a clock change of both hemispheres.
START = datetime(2025, 12, 28, tzinfo=UTC)

listeners = st.sampled_from(LISTENERS)
minutes = st.integers(0, 60 * 24 * 9)
several_plays = st.lists(st.tuples(minutes, st.sampled_from(TRACKS)), min_size=1, max_size=12)
lengths = st.sampled_from([0, 5_000, 29_999, 30_000, 180_000, 5_400_000])
spans = st.tuples(minutes, minutes).map(sorted).filter(lambda span: span[0] < span[1])


def at(minute: int) -> str:
    return (START + timedelta(minutes=minute)).isoformat(" ")


class History(RuleBasedStateMachine):
    """Changes to `raw` and to the rules, each followed by what a tick builds."""

    new_warehouse: Callable[[], Warehouse]
    project: Project

    @initialize()
    def begin(self) -> None:
        warehouse = self.new_warehouse()
        self.raw, self.builder = Raw(warehouse), Builder(warehouse, self.project)
        self.polled: set[Play] = set()
        self.files: dict[str, list[Row]] = {}
        for listener in LISTENERS:
            self.raw.listener(listener, "Europe/Berlin")
        self.raw.load(
            [("ada", at(0), TRACKS[0])],
            tracks={track: (track.title(), 200_000, None, ARTISTS[:1]) for track in TRACKS},
            artists={artist: artist.title() for artist in ARTISTS},
        )
        self.polled.add(("ada", at(0), TRACKS[0]))
        self.built()

    def built(self) -> None:
        assert self.builder.build().broken == []

    def changed(self, change: Callable[[psycopg.Connection], object]) -> None:
        with self.raw.warehouse.connect() as connection:
            change(connection)
        self.built()

    @rule(user=listeners, plays=several_plays)
    def polls_on_time_or_late(self, user: str, plays: list[tuple[int, str]]) -> None:
        new = {(user, at(minute), track) for minute, track in plays} - self.polled
        self.polled |= new
        self.raw.load(sorted(new))
        self.built()

    @rule(user=listeners, plays=several_plays, ms=lengths, shift=st.integers(0, 50))
    def imports(self, user: str, plays: list[tuple[int, str]], ms: int, shift: int) -> None:
        """A file of an export; its streams lie near plays, or where nobody polled."""
        rows = [
            Row(user, (START + timedelta(minutes=minute, seconds=shift)).isoformat(" "), track, ms, track, "Artist0")
            for minute, track in plays
        ]
        name = f"file{len(self.files)}"
        self.files[name] = rows
        self.raw.export(name, rows, export=name)
        self.built()

    @rule(number=st.integers(0, 20))
    def imports_or_replays_again(self, number: int) -> None:
        if self.files:
            name = sorted(self.files)[number % len(self.files)]
            self.raw.export(name, self.files[name], export=name)
            self.built()

    @rule(track=st.sampled_from(TRACKS), ms=lengths, by=st.lists(st.sampled_from(ARTISTS), unique=True, max_size=3))
    def learns_of_a_track(self, track: str, ms: int, by: list[str]) -> None:
        self.raw.load(tracks={track: (f"{track} {ms}", ms, None, by)})
        self.built()

    @rule(artist=st.sampled_from(ARTISTS), name=st.sampled_from(["The X", "Artist0", "Y"]))
    def renames_an_artist(self, artist: str, name: str) -> None:
        self.raw.load(artists={artist: name})
        self.built()

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
            incremental = self.builder.everything()
            assert self.builder.rebuild().broken == []
            rebuilt = self.builder.everything()
            assert {name for name, rows in rebuilt.items() if rows != incremental[name]} == set()


def test_any_order_of_things_leaves_what_a_full_build_makes(
    new_warehouse: Callable[[], Warehouse], project: Project
) -> None:
    machine = type("TheHistory", (History,), {"new_warehouse": staticmethod(new_warehouse), "project": project})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=size(1, 25),
            stateful_step_count=size(6, 40),
            deadline=None,
            derandomize=size(True, False),
            database=None,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )
