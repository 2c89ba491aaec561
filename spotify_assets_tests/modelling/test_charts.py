"""What a listener had of the world's chart, and who had it first: a small world, counted by hand."""

from datetime import date
from decimal import Decimal

import pytest

from spotify_assets_tests.modelling.conftest import Builder, Raw, Row

# By day, from the first position down. `album` is another id of the recording that ada hears as `single`.
CHARTS = {
    "2026-03-01": ["old", "late"],
    "2026-03-10": ["early", "old", "same", "after", "skipped"],
    "2026-03-31": ["album", "early"],
    "2026-04-01": ["edge"],
}
TRACKS = ["old", "late", "early", "same", "after", "skipped", "single", "album", "edge", "off"]
ISRC = "DEA012600001"
PLAY, SKIP = 100_000, 5_000
# In Los Angeles 05:00 UTC of 1 April is 22:00 of 31 March.
ADA = [
    Row("ada", "2026-02-20 20:00:00+00:00", "old", PLAY),
    Row("ada", "2026-03-20 20:00:00+00:00", "old", PLAY),
    Row("ada", "2026-03-05 20:00:00+00:00", "late", PLAY),
    Row("ada", "2026-03-04 20:00:00+00:00", "early", PLAY),
    Row("ada", "2026-03-25 20:00:00+00:00", "early", PLAY),
    Row("ada", "2026-03-10 20:00:00+00:00", "same", PLAY),
    Row("ada", "2026-03-15 20:00:00+00:00", "after", PLAY),
    Row("ada", "2026-03-08 20:00:00+00:00", "skipped", SKIP),
    Row("ada", "2026-03-02 20:00:00+00:00", "single", PLAY),
    Row("ada", "2026-03-12 20:00:00+00:00", "off", PLAY),
    Row("ada", "2026-04-01 05:00:00+00:00", "edge", PLAY),
]
BOB = [
    Row("bob", "2026-03-12 20:00:00+00:00", "off", SKIP),
    Row("bob", "2026-04-01 05:00:00+00:00", "edge", PLAY),
]


@pytest.fixture
def charted(builder: Builder, raw: Raw) -> Builder:
    raw.listener("ada", "America/Los_Angeles")
    raw.listener("bob", "Europe/Berlin")
    raw.load(
        tracks={track: (track if track != "album" else "single", 200_000, None, ["x"]) for track in TRACKS},
        isrcs={"single": ISRC, "album": ISRC},
        artists={"x": "The X"},
    )
    raw.export("ada's", ADA)
    raw.export("bob's", BOB)
    for day, tracks in CHARTS.items():
        raw.chart("kworb", "global_daily", day, [(position, track, track) for position, track in enumerate(tracks, 1)])
    # Without Spotify's ids nobody can say what was heard.
    raw.chart("deezer", "top_worldwide", "2026-02-01", [(1, None, "old")])
    assert builder.build().broken == []
    return builder


def test_who_had_it_first_and_how_much_was_on_charts_goes_by_local_dates(charted: Builder) -> None:
    assert charted.rows(
        """
        select user_id, title, first_heard_on, first_charted_on, days_before_the_world, best_position, plays
        from marts.chart_firsts
        order by user_id, first_heard_on, title
        """
    ) == [
        ("ada", "old", date(2026, 2, 20), date(2026, 3, 1), None, 1, 2),
        ("ada", "single", date(2026, 3, 2), date(2026, 3, 31), 29, 1, 1),
        ("ada", "early", date(2026, 3, 4), date(2026, 3, 10), 6, 1, 2),
        ("ada", "late", date(2026, 3, 5), date(2026, 3, 1), None, 2, 1),
        ("ada", "skipped", date(2026, 3, 8), date(2026, 3, 10), 2, 5, 0),
        ("ada", "same", date(2026, 3, 10), date(2026, 3, 10), 0, 3, 1),
        ("ada", "after", date(2026, 3, 15), date(2026, 3, 10), -5, 4, 1),
        ("ada", "edge", date(2026, 3, 31), date(2026, 4, 1), 1, 1, 1),
        ("bob", "edge", date(2026, 4, 1), date(2026, 4, 1), 0, 1, 1),
    ]
    # March of ada: `edge` and `off` were on no chart of it; nobody knows since when `old` was.
    assert charted.rows(
        """
        select
            user_id, month_start, source, plays, plays_on_chart, share_of_plays, share_of_time, recordings_on_chart,
            heard_before_the_world, heard_after_the_world
        from marts.chart_overlap
        order by user_id, month_start
        """
    ) == [
        ("ada", date(2026, 3, 1), "kworb", 9, 7, Decimal("0.7778"), Decimal("0.7790"), 7, 3, 3),
        ("bob", date(2026, 3, 1), "kworb", 0, 0, None, Decimal("0.0000"), 0, 0, 0),
        ("bob", date(2026, 4, 1), "kworb", 1, 1, Decimal("1.0000"), Decimal("1.0000"), 1, 0, 1),
    ]
    # Of a series that gives no ids a position is a position.
    assert charted.rows("select title, track_id from marts.chart_history where source = 'deezer'") == [("old", None)]


@pytest.mark.soak
def test_a_chart_of_an_earlier_day_is_followed_by_those_after_it_as_in_a_full_build(charted: Builder, raw: Raw) -> None:
    raw.chart("kworb", "global_daily", "2026-03-05", [(1, "late", "late"), (2, "new", "new")])
    raw.load(tracks={"new": ("new", 200_000, None, ["x"])})
    assert charted.build().broken == []
    incremental = charted.everything()
    assert charted.rows("select days_on_chart from marts.chart_history where track_id = 'late'") != [(1,)]
    assert charted.rebuild().broken == []
    assert charted.everything() == incremental
