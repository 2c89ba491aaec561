"""Tracks that are one recording are counted together where that is asked for, by rules that can be undone."""

import shutil
from pathlib import Path

import pytest

from spotify_assets.modelling.project import Project, code_hash
from spotify_assets_tests.modelling.conftest import Builder, Raw

SINGLE, ALBUM, DELUXE, OTHER, NAMED, TWIN = (
    f"{name:0<22}" for name in ("single", "album", "deluxe", "other", "named", "twin")
)


def recordings(builder: Builder) -> dict[object, object]:
    """The recording of each track."""
    rows = builder.rows("select track_id, recording_id from marts.track_recordings")
    return {row[0]: row[1] for row in rows}


def test_recordings_are_grouped_by_isrc_else_by_title_artist_and_length(builder: Builder, raw: Raw) -> None:
    plays = [SINGLE, ALBUM, ALBUM, DELUXE, OTHER, NAMED, TWIN]
    raw.load(
        [("ada", f"2026-03-01 1{number}:00:00+00", track) for number, track in enumerate(plays)],
        tracks={
            SINGLE: ("Song", 180_000, None, ["x"]),
            ALBUM: ("Song", 181_000, None, ["x"]),
            DELUXE: ("Song (feat. Y)", 180_500, None, ["x"]),
            OTHER: ("Song", 240_000, None, ["x"]),
            NAMED: ("song!", 180_900, None, ["x"]),
            TWIN: ("Song", 180_000, None, ["z"]),
        },
        isrcs={SINGLE: "DEA012600001", ALBUM: "DE-A01-26-00001", DELUXE: "DEA012600001"},
        artists={"x": "The X", "z": "The Z"},
    )
    builder.build()
    found = recordings(builder)
    one = "isrc:DEA012600001"
    assert [found[each] for each in (SINGLE, ALBUM, DELUXE, NAMED)] == [one] * 4
    assert len({found[OTHER], found[TWIN], one}) == 3
    assert builder.rows(
        "select track_count, plays from marts.dim_recordings inner join marts.top_recordings using (recording_id) "
        f"where recording_id = '{one}' and period_kind = 'all_time'"
    ) == [(4, 5)]
    # Both counts are there.
    assert builder.rows(
        f"select plays from marts.top_tracks where track_id = '{ALBUM}' and period_kind = 'all_time'"
    ) == [(2,)]


@pytest.mark.soak
def test_a_line_in_the_seed_corrects_a_recording_and_taking_it_out_undoes_that(
    builder: Builder, raw: Raw, tmp_path: Path
) -> None:
    raw.load(
        [("ada", "2026-03-01 10:00:00+00", SINGLE), ("ada", "2026-03-01 11:00:00+00", DELUXE)],
        tracks={track: ("Song", 180_000, None, ["x"]) for track in (SINGLE, DELUXE)},
        isrcs={SINGLE: "DEA012600001", DELUXE: "DEA012600001"},
        artists={"x": "The X"},
    )
    copied = tmp_path / "dbt_project"
    shutil.copytree(builder.project.directory, copied)
    seed = copied / "seeds" / "recording_corrections.csv"
    as_it_was = seed.read_text()
    one = "isrc:DEA012600001"
    for line, recording_of_deluxe in (("", one), (f"{DELUXE},mine\n", "mine"), ("", one)):
        seed.write_text(as_it_was + line)
        changed = Builder(builder.warehouse, Project(copied, builder.project.home, code_hash(copied)))
        built = changed if line else builder
        assert built.build().broken == []
        assert recordings(built) == {SINGLE: one, DELUXE: recording_of_deluxe}
        counted = built.rows("select plays from marts.top_recordings where period_kind = 'all_time'")
        assert counted == ([(2,)] if recording_of_deluxe == one else [(1,), (1,)])
