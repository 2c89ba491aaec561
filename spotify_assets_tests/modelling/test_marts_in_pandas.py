"""Every mart of a real export, in three time zones, is what pandas makes of the descriptions of the marts alone."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from spotify_assets.storage.time_zones import set_for_all_time
from spotify_assets_tests.listening.exports.place import Place
from spotify_assets_tests.modelling.conftest import Builder
from spotify_assets_tests.modelling.in_pandas.all_marts import EMPTY, KEYS, RANKED, expected
from spotify_assets_tests.modelling.in_pandas.compare import Mart, differences
from spotify_assets_tests.modelling.in_pandas.periods import KINDS
from spotify_assets_tests.modelling.in_pandas.streams import in_zone, read_export, streams_of
from spotify_assets_tests.sizes import size

# West and east of Greenwich, north and south of the equator, and one that is 12:45 ahead of it. The listener was awake
# when Chatham's clocks went back: an hour of 2020 and one of 2021 was heard twice there.
ZONES = ("Europe/Berlin", "America/New_York", "Pacific/Chatham")
# Days and weeks have four fifths of the rows.
RANKED_KINDS = size([kind for kind in KINDS if kind not in {"day", "week"}], KINDS)


def test_every_mart_is_what_pandas_computes_in_three_zones(builder: Builder, real_data: Path, tmp_path: Path) -> None:
    path = real_data / "exports/listener_a_extended.zip"
    place = Place(builder.warehouse, tmp_path)
    place.take(path)
    rows = read_export(path)
    streams = streams_of(rows, lake_keys(place, rows))
    for zone in ZONES:
        with builder.warehouse.connect() as connection:
            set_for_all_time(connection, "alex", zone)
        assert builder.build().broken == []
        assert "".join(differences_in(zone, with_their_keys(streams, builder), rows, builder)) == "", zone


def test_every_mart_is_compared_or_empty_for_a_reason(builder: Builder) -> None:
    assert {name for schema, name in builder.project.relations() if schema == "marts"} == {*KEYS, *EMPTY}


def test_the_listener_was_awake_at_both_clock_changes(real_data: Path) -> None:
    """Else the zones above would prove nothing."""
    streams = streams_of(read_export(real_data / "exports/listener_a_extended.zip"), {})
    assert {zone for zone in ZONES if heard_within_an_hour(streams, zone, "forward")} == set(ZONES)
    assert {zone for zone in ZONES if heard_within_an_hour(streams, zone, "back")} == {"Pacific/Chatham"}
    twice = [
        at
        for at in local_times(streams, "Pacific/Chatham")
        if at.utcoffset() != at.replace(fold=1 - at.fold).utcoffset()
    ]
    assert {(f"{at:%Y-%m-%d %H}", at.fold) for at in twice} == set()


def differences_in(zone: str, streams: pd.DataFrame, rows: pd.DataFrame, builder: Builder) -> list[str]:
    """How the marts differ from what is expected in a zone, a text for each that does."""
    marts = expected(in_zone(streams, zone), rows, zone, RANKED_KINDS)
    kinds = ", ".join(f"'{kind}'" for kind in RANKED_KINDS)
    found = [Mart.read(builder.warehouse, name) for name in EMPTY]
    texts = [f"{mart.name}: {len(mart.rows)} rows, but {EMPTY[mart.name]}\n" for mart in found if len(mart.rows)]
    for name, key in KEYS.items():
        mart = Mart.read(builder.warehouse, name, f"period_kind in ({kinds})" if name in RANKED else "true")
        texts.append(differences(marts[name], mart, key))
    return texts


def with_their_keys(streams: pd.DataFrame, builder: Builder) -> pd.DataFrame:
    """With the play_id and recording_id that the marts give: what these are made of is no column's meaning."""
    same = ["played_at", "content_uri", "ms_played"]
    plays = Mart.read(builder.warehouse, "fct_plays").rows[[*same, "play_id"]]
    recordings = Mart.read(builder.warehouse, "track_recordings").rows[["track_id", "recording_id"]]
    plays["ms_played"] = plays["ms_played"].astype("int64")
    return streams.merge(plays, on=same, how="left").merge(recordings, on="track_id", how="left")


def lake_keys(place: Place, rows: pd.DataFrame) -> dict[str, str]:
    """Under which key each file of the export landed, told by its rows: without addresses it is not the same file."""
    files = {tuple(file["ts"]): name for name, file in rows.groupby("file")}
    bodies = {key: json.loads(place.lake.get(key)) for key in place.objects()}
    return {str(files[tuple(row["ts"] for row in body)]): key for key, body in bodies.items() if isinstance(body, list)}


def heard_within_an_hour(streams: pd.DataFrame, zone: str, direction: str) -> bool:
    """Whether a stream ended within the hour before or after a clock change of the zone."""
    before, after = (local_times(streams, zone, timedelta(hours=hours)) for hours in (-1, 1))
    offsets = [(was.utcoffset(), will_be.utcoffset()) for was, will_be in zip(before, after, strict=True)]
    return any(
        was < will_be if direction == "forward" else was > will_be for was, will_be in offsets if was and will_be
    )


def local_times(streams: pd.DataFrame, zone: str, moved: timedelta = timedelta()) -> list[datetime]:
    """The zone's time at the end of each stream, or so much before or after it."""
    return [at.to_pydatetime().astimezone(ZoneInfo(zone)) for at in streams["played_at"] + moved]
