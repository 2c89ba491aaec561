"""Plays and streams that are the same: as a brute-force matcher pairs them, whatever comes in whatever order."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from spotify_assets_tests.modelling.conftest import Builder, Play, Raw, Row
from spotify_assets_tests.sizes import size

START = datetime(2025, 6, 1, 23, 40, tzinfo=UTC)
TRACKS = [f"track{number}" for number in range(6)]
TITLES = {track: f"Title {number // 2}" for number, track in enumerate(TRACKS)}
ISRCS = {"track0": "ISRC0", "track3": "ISRC0", "track4": "ISRC4", "track5": "ISRC4"}


@dataclass(frozen=True)
class Known:
    """What a track is compared by."""

    isrc: str | None
    title: str


def matched_by_brute_force(plays: Iterable[Play], rows: Iterable[Row], known: dict[str, Known]) -> set[tuple[str, ...]]:
    """(listener, played_at, track, ts, track of the row, ms_played) of each pair, taken one by one in the order."""
    pairs = []
    for user, played_at, track in set(plays):
        for row in {(row.user_id, row.ts, row.track_id or "", row.ms_played) for row in rows}:
            if row[0] != user:
                continue
            distance = abs((datetime.fromisoformat(row[1]) - datetime.fromisoformat(played_at)).total_seconds())
            rung = _rung(track, row[2], known)
            if rung and distance <= 60:
                order = (rung, distance, row[1], played_at, track, f"spotify:track:{row[2]}", row[3])
                pairs.append((order, (user, played_at, track), row))
    taken: set[object] = set()
    matches: set[tuple[str, ...]] = set()
    for _, play, row in sorted(pairs):
        if play not in taken and row not in taken:
            taken |= {play, row}
            matches.add((*play, row[1], f"spotify:track:{row[2]}", str(row[3])))
    return matches


def _rung(one: str, other: str, known: dict[str, Known]) -> int | None:
    if one == other:
        return 1
    if known[one].isrc and known[one].isrc == known[other].isrc:
        return 2
    return 3 if known[one].title == known[other].title else None


def _matches(builder: Builder) -> set[tuple[object, ...]]:
    return set(
        builder.rows(
            "select user_id, to_char(played_at, 'YYYY-MM-DD HH24:MI:SS.MS+00:00'), track_key, "
            "to_char(ended_at, 'YYYY-MM-DD HH24:MI:SS+00:00'), content_key, ms_played::text "
            "from intermediate.int_matches"
        )
    )


def test_matches_are_those_of_a_brute_force_matcher_and_of_a_full_rebuild(builder: Builder, raw: Raw) -> None:
    """Crowded hours across midnight: repeats, relinked ids, chains, skips; rows, plays and ISRCs come bit by bit."""
    chance = random.Random(size(20261121, 7))  # noqa: S311
    users = ["ada", "bob"]
    plays: set[Play] = set()
    rows: list[Row] = []
    isrcs: dict[str, str] = {}
    raw.load(
        [("ada", "2025-06-01 12:00:00.000+00:00", TRACKS[0])],
        tracks={track: (TITLES[track], 30_000, None, ["artist"]) for track in TRACKS},
        artists={"artist": "The Artist"},
    )
    plays.add(("ada", "2025-06-01 12:00:00.000+00:00", TRACKS[0]))
    for step in range(size(2, 60)):
        new_plays = {
            (
                chance.choice(users),
                (START + timedelta(milliseconds=chance.randrange(40 * 60_000))).isoformat(" ", "milliseconds"),
                chance.choice(TRACKS),
            )
            for _ in range(chance.choice([0, 1, 25]))
        } - plays
        gone = set(chance.sample(sorted(plays), min(len(plays), chance.randrange(3))))
        plays = (plays | new_plays) - gone
        learnt = {track: ISRCS[track] for track in chance.sample(sorted(ISRCS), chance.randrange(3))}
        isrcs |= learnt
        raw.load(sorted(new_plays), gone=gone, isrcs=learnt)
        new_rows = [
            Row(
                user,
                (START + timedelta(seconds=chance.randrange(40 * 60))).isoformat(" "),
                (track := chance.choice(TRACKS)),
                chance.choice([0, 1_000, 30_000]),
                TITLES[track].upper(),
                "the artist",
            )
            for user in chance.sample(users, chance.randrange(1, 3))
            for _ in range(chance.choice([1, 30]))
        ]
        rows += new_rows
        for user in users:
            raw.export(f"{user} {step}", [row for row in new_rows if row.user_id == user])
        assert builder.build().broken == []
        known = {track: Known(isrcs.get(track), TITLES[track]) for track in TRACKS}
        assert _matches(builder) == matched_by_brute_force(plays, rows, known)
        if size(False, step % 3 == 2):
            incremental = builder.everything()
            builder.rebuild()
            assert builder.everything() == incremental


@pytest.mark.soak
def test_a_chain_longer_than_a_day_is_decided_as_a_whole(builder: Builder, raw: Raw) -> None:
    """A track of 50 seconds, looped for 26 hours: a row at one end that moves everything by one."""
    ends = [START + timedelta(seconds=50 * number) for number in range(26 * 72)]
    raw.load(
        [("ada", end.isoformat(" ", "milliseconds"), "track0") for end in ends],
        tracks={"track0": ("Noise", 50_000, None, ["artist"])},
        artists={"artist": "The Artist"},
    )
    rows = [Row("ada", (end + timedelta(seconds=26)).isoformat(" "), "track0", 50_000) for end in ends]
    raw.export("whole", rows)
    assert builder.build().broken == []
    raw.export("first", [Row("ada", (START - timedelta(seconds=20)).isoformat(" "), "track0", 50_000)])
    assert builder.build().broken == []
    assert builder.rows("select is_full from ops.builds order by build_id desc limit 1") == [(False,)]
    incremental = builder.everything()
    builder.rebuild()
    assert builder.everything() == incremental
