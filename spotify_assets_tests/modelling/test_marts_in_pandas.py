"""Every mart of a real export, in three time zones, is what pandas makes of the descriptions of the marts alone."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pandas as pd

from spotify_assets.storage.time_zones import set_for_all_time
from spotify_assets_tests.listening.exports.place import Place
from spotify_assets_tests.modelling.conftest import Builder
from spotify_assets_tests.modelling.in_pandas.all_marts import EMPTY, KEYS, RANKED, SHARED, expected
from spotify_assets_tests.modelling.in_pandas.compare import Mart, differences
from spotify_assets_tests.modelling.in_pandas.periods import KINDS
from spotify_assets_tests.modelling.in_pandas.streams import in_zone, read_export, streams_of
from spotify_assets_tests.sizes import size

# As if three had listened to the same: west and east of Greenwich, north and south of the equator, and one 12:45 ahead.
# That one heard music in the hour that the clocks of 2020 struck twice.
ZONES = {"berlin": "Europe/Berlin", "new-york": "America/New_York", "chatham": "Pacific/Chatham"}
# Where the first of them moves: clocks change by half an hour, or never.
MOVES = size((), ("Australia/Lord_Howe", "Asia/Kolkata"))
# Whose history is built here: in `make test` the one who heard an hour twice, in the soak all.
LISTENERS = size({"chatham": ZONES["chatham"]}, ZONES)
# Days and weeks have four fifths of the ranks.
RANKED_KINDS = size(["month", "year", "all_time"], KINDS)


def test_every_mart_is_what_pandas_computes_in_its_zone(builder: Builder, real_data: Path, tmp_path: Path) -> None:
    """In the soak in three zones, and after changes of one, which are built incrementally."""
    path = real_data / "exports/listener_a_extended.zip"
    rows = read_export(path)
    place = Place(builder.warehouse, tmp_path)
    for indent, (user_id, zone) in enumerate(LISTENERS.items()):
        assert place.take_files(indented(path, indent), user_id=user_id).refused == []
        settle(builder, user_id, zone)
    assert builder.build().broken == []
    for user_id, zone in LISTENERS.items():
        assert how_marts_differ(builder, place, rows, user_id, zone) == ""
    for zone in MOVES:
        settle(builder, "berlin", zone)
        assert builder.build().broken == []
        assert how_marts_differ(builder, place, rows, "berlin", zone) == ""


def test_every_mart_is_compared_or_empty_for_a_reason(builder: Builder) -> None:
    assert {name for schema, name in builder.project.relations() if schema == "marts"} == {*KEYS, *EMPTY}


def test_the_listeners_were_awake_at_both_clock_changes(real_data: Path) -> None:
    """Else the zones above would prove little."""
    rows = read_export(real_data / "exports/listener_a_extended.zip")
    moments = [at.to_pydatetime() for at in pd.to_datetime(rows["ts"], utc=True)]
    assert [user for user, zone in ZONES.items() if is_awake(moments, zone, "forward")] == [*ZONES]
    assert [user for user, zone in ZONES.items() if is_awake(moments, zone, "back")] == ["chatham"]
    local = [at.astimezone(ZoneInfo(ZONES["chatham"])) for at in moments]
    assert {at.fold for at in local if f"{at:%Y-%m-%d %H}" == "2020-04-05 02"} == {0, 1}


def indented(path: Path, indent: int) -> dict[str, bytes]:
    """The files of an export, otherwise indented: the same bytes are never two listeners'."""
    with ZipFile(path) as archive:
        return {name: json.dumps(json.loads(archive.read(name)), indent=indent).encode() for name in archive.namelist()}


def settle(builder: Builder, user_id: str, zone: str) -> None:
    """Makes a listener live in a zone, always."""
    with builder.warehouse.connect() as connection:
        set_for_all_time(connection, user_id, zone)


def how_marts_differ(builder: Builder, place: Place, rows: pd.DataFrame, user_id: str, zone: str) -> str:
    """A text of every mart whose rows of a listener are not what is expected; empty where all are."""
    streams = streams_of(rows, lake_keys(place, rows, user_id)).assign(user_id=user_id)
    marts = expected(in_zone(with_play_ids(streams, builder), zone), rows, zone, RANKED_KINDS)
    kinds = ", ".join(f"'{kind}'" for kind in RANKED_KINDS)
    texts = []
    for name, reason in EMPTY.items():
        count = len(Mart.read(builder.warehouse, name).rows)
        texts.append(f"{name}: {count} rows, but {reason}\n" if count else "")
    for name, key in KEYS.items():
        conditions = [f"user_id = '{user_id}'"] if name not in SHARED else []
        conditions += [f"period_kind in ({kinds})"] if name in RANKED else []
        mart = Mart.read(builder.warehouse, name, " and ".join(conditions) or "true")
        texts.append(differences(marts[name], mart, key))
    return "".join(texts)


def with_play_ids(streams: pd.DataFrame, builder: Builder) -> pd.DataFrame:
    """With the keys that the marts give to plays: what these are made of is no column's meaning."""
    same = ["user_id", "played_at", "content_uri", "ms_played"]
    plays = Mart.read(builder.warehouse, "fct_plays").rows[[*same, "play_id"]]
    return streams.merge(plays.astype({"ms_played": "int64"}), on=same, how="left")


def lake_keys(place: Place, rows: pd.DataFrame, user_id: str) -> dict[str, str]:
    """Under which key each file of a listener's export landed, told by its rows."""
    files = {tuple(file["ts"]): str(name) for name, file in rows.groupby("file")}
    bodies = {key: json.loads(place.lake.get(key)) for key in place.objects() if f"/user={user_id}/" in key}
    return {files[tuple(row["ts"] for row in body)]: key for key, body in bodies.items() if isinstance(body, list)}


def is_awake(moments: list[datetime], zone: str, direction: str) -> bool:
    """Whether a moment lies within the hour before or after a change of the zone's clocks."""
    hour, clock = timedelta(hours=1), ZoneInfo(zone)
    steps = [as_if_utc(at + hour, clock) - as_if_utc(at - hour, clock) - 2 * hour for at in moments]
    return max(steps) > timedelta() if direction == "forward" else min(steps) < timedelta()


def as_if_utc(moment: datetime, clock: ZoneInfo) -> datetime:
    """What the clock shows."""
    return moment.astimezone(clock).replace(tzinfo=None)
