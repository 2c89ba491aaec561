"""What the marts say of real exports, held against plain Python that knows nothing of this project."""

import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pytest

from spotify_assets_tests.listening.exports.place import Place
from spotify_assets_tests.modelling.conftest import Builder, builder, project  # noqa: F401 - fixtures
from spotify_assets_tests.world import snapshot

Row = dict[str, object]


def rows_of(path: Path, word: str = "") -> list[Row]:
    """The rows of the files whose names hold a word."""
    with ZipFile(path) as archive:
        return [row for name in archive.namelist() if word in name for row in json.loads(archive.read(name))]


def streams_of(rows: list[Row]) -> set[tuple[str, str | None, int]]:
    """(ts, URI, ms_played) of extended rows."""
    return {
        (str(row["ts"]), str(row["spotify_track_uri"] or row["spotify_episode_uri"] or ""), int(str(row["ms_played"])))
        for row in rows
    }


def test_streams_hours_and_the_fifty_most_played_are_those_of_the_export(
    builder: Builder,  # noqa: F811
    real_data: Path,
    tmp_path: Path,
) -> None:
    path = real_data / "exports/listener_a_extended.zip"
    streams = streams_of(rows_of(path))
    place = Place(builder.warehouse, tmp_path)
    place.take(path)
    assert builder.build().broken == []
    assert builder.rows("select count(*), sum(ms_played) from marts.fct_plays") == [
        (len(streams), sum(ms for _, _, ms in streams))
    ]
    counted = Counter(uri for _, uri, ms in streams if ms >= 30_000 and str(uri).startswith("spotify:track:"))
    heard: Counter[str] = Counter()
    for _, uri, ms in streams:
        heard[str(uri)] += ms
    best = sorted((-plays, str(uri)) for uri, plays in counted.items())[:50]
    assert place.rows(
        "select plays, 'spotify:track:' || track_id, ms_listened from marts.top_tracks where period_kind = 'all_time' "
        'order by rank, track_id collate "C" limit 50'
    ) == [(-plays, uri, heard[uri]) for plays, uri in best]
    berlin = ZoneInfo("Europe/Berlin")
    months = Counter(f"{datetime.fromisoformat(ts).astimezone(berlin):%Y-%m}" for ts, _, _ in streams)
    assert place.rows(
        "select to_char(month_start, 'YYYY-MM'), matched, api_only, export_only, account_data_only "
        "from marts.reconciliation order by 1"
    ) == [(month, 0, 0, count, 0) for month, count in sorted(months.items())]
    assert place.rows("select sum(repeats) from marts.reconciliation") == [(len(rows_of(path)) - len(streams),)]
    files = [[str(row["ts"]) for row in rows_of(path, f"_{number}.json")] for number in range(3)]
    assert place.rows("select starts_at, ends_at, is_covered, proved_by from marts.coverage") == [
        (datetime.fromisoformat(min(files[0])), datetime.fromisoformat(max(files[-1])), True, "exports")
    ]


@pytest.mark.soak
@pytest.mark.parametrize("first", ["extended", "account_data"])
def test_account_data_adds_only_what_lies_outside_the_extended_file(
    builder: Builder,  # noqa: F811
    real_data: Path,
    tmp_path: Path,
    first: str,
) -> None:
    """In either order, and once more: the same rows."""
    folder = real_data / "exports"
    extended = streams_of(rows_of(folder / "listener_b_extended.zip"))
    audio = sorted(ts for ts, _, _ in streams_of(rows_of(folder / "listener_b_extended.zip", "Audio")))
    basic = {
        (str(row["endTime"]), row.get("artistName") or row.get("podcastName"), row.get("trackName"), row["msPlayed"])
        for row in rows_of(folder / "listener_b_account_data.zip", "StreamingHistory")
    }
    begin, end = datetime.fromisoformat(audio[0]), datetime.fromisoformat(audio[-1])
    minutes = [datetime.fromisoformat(f"{at}+00:00") for at, _, _, _ in basic]
    outside = sum(minute + timedelta(minutes=1) <= begin or minute > end for minute in minutes)
    place = Place(builder.warehouse, tmp_path)
    order = ["extended", "account_data"] if first == "extended" else ["account_data", "extended"]
    for kind in order:
        place.take(folder / f"listener_b_{kind}.zip")
        assert builder.build().broken == []
    assert builder.rows("select source, count(*) from marts.fct_plays group by 1 order by 1") == [
        ("account_data", outside),
        ("export", len(extended)),
    ]
    before = snapshot(builder.warehouse, "intermediate", "marts")
    place.take(folder / "listener_b_account_data.zip")
    builder.build()
    assert snapshot(builder.warehouse, "intermediate", "marts") == before
    builder.rebuild()
    assert snapshot(builder.warehouse, "intermediate", "marts") == before
