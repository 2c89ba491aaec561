"""Every mart of a real export, in three time zones, is what pandas makes of the descriptions of the marts alone.

What a real export has no rows for is made up around it (`made_up/`): charts, genres, polls, account data, rules.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from spotify_assets.storage.time_zones import set_for_all_time, set_from
from spotify_assets_tests.listening.exports.place import Place
from spotify_assets_tests.modelling.conftest import Builder
from spotify_assets_tests.modelling.in_pandas.all_marts import KEYS, RANKED, SHARED, Ids, expected
from spotify_assets_tests.modelling.in_pandas.compare import Mart, differences
from spotify_assets_tests.modelling.in_pandas.periods import KINDS
from spotify_assets_tests.modelling.in_pandas.told import Listener, World
from spotify_assets_tests.modelling.made_up.landing import Landing
from spotify_assets_tests.modelling.made_up.life import Life, as_date
from spotify_assets_tests.sizes import size

EXPORT = "exports/listener_a_extended.zip"
# As if three had listened to the same: west and east of Greenwich, north and south of the equator, and one 12:45 ahead.
# That one heard music in the hour that the clocks of 2020 struck twice. Each moves on a day.
ZONES = {
    "berlin": ("Europe/Berlin", "America/Los_Angeles"),
    "new-york": ("America/New_York", "Asia/Tokyo"),
    "chatham": ("Pacific/Chatham", "Asia/Kolkata"),
}
MOVED_ON = date(2024, 4, 15)
# Where the first of them moves: clocks change by half an hour, or never.
MOVES = size((), (("Australia/Lord_Howe", "Europe/Berlin"), ("Asia/Kolkata", "Pacific/Kiritimati")))
# Whose history is built here: in `make test` the one who heard an hour twice, in the soak all.
LISTENERS = size({"chatham": ZONES["chatham"]}, ZONES)
# Whose rules there are; some are for everybody.
RULED = "chatham"
# Days and weeks have four fifths of the ranks.
RANKED_KINDS = size(["month", "year", "all_time"], KINDS)


def test_every_mart_is_what_pandas_computes_in_its_zone(builder: Builder, real_data: Path, tmp_path: Path) -> None:
    """In the soak in three zones, and after changes of one, which are built incrementally."""
    life = Life.around(real_data / EXPORT, RULED)
    landing = Landing(Place(builder.warehouse, tmp_path), life)
    listeners = {}
    for indent, (user_id, zones) in enumerate(LISTENERS.items()):
        listeners[user_id] = landing.listener(user_id, indent, dated(zones))
        settle(builder, user_id, zones)
    landing.world()
    assert builder.build().broken == []
    for listener in listeners.values():
        assert how_marts_differ(builder, life.world, listener) == ""
    for zones in MOVES:
        settle(builder, "berlin", zones)
        assert builder.build().broken == []
        assert how_marts_differ(builder, life.world, replace(listeners["berlin"], zones=dated(zones))) == ""


def test_every_mart_is_compared(builder: Builder) -> None:
    assert {name for schema, name in builder.project.relations() if schema == "marts"} == {*KEYS}


def test_the_listeners_were_awake_at_both_clock_changes(real_data: Path) -> None:
    """Else the zones above would prove little: at the changes before they moved."""
    exports = Life.around(real_data / EXPORT, RULED).exports[:2]
    rows = [row for export in exports for rows in export.values() for row in rows]
    moments = [at for row in rows if (at := datetime.fromisoformat(str(row["ts"]))).date() < MOVED_ON]
    for zone, _ in ZONES.values():
        assert is_awake(moments, zone, "forward")
        assert is_awake(moments, zone, "back")
    local = [at.astimezone(ZoneInfo(ZONES["chatham"][0])) for at in moments]
    assert {at.fold for at in local if f"{at:%Y-%m-%d %H}" == "2020-04-05 02"} == {0, 1}


def dated(zones: tuple[str, str]) -> list[tuple[str, pd.Timestamp | None]]:
    return [(zones[0], None), (zones[1], as_date(MOVED_ON))]


def settle(builder: Builder, user_id: str, zones: tuple[str, str]) -> None:
    """Makes a listener live in a zone, and from a date on in another."""
    with builder.warehouse.connect() as connection:
        set_for_all_time(connection, user_id, zones[0])
        set_from(connection, user_id, zones[1], MOVED_ON)


def how_marts_differ(builder: Builder, world: World, listener: Listener) -> str:
    """A text of every mart that is not as expected for a listener, or that has nothing to compare; empty if all are."""
    marts = {name: read(builder, name, listener.user_id) for name in KEYS}
    ids = Ids(marts["fct_plays"].rows, marts["track_recordings"].rows)
    wanted = expected(world, listener, RANKED_KINDS, ids)
    nothing = [
        f"{name}.{column}: nothing to compare\n"
        for name, mart in marts.items()
        for column in mart.rows
        if mart.rows[column].isna().all()
    ]
    return "".join([*nothing, *(differences(wanted[name], mart, KEYS[name]) for name, mart in marts.items())])


def read(builder: Builder, name: str, user_id: str) -> Mart:
    kinds = ", ".join(f"'{kind}'" for kind in RANKED_KINDS)
    conditions = [f"user_id = '{user_id}'"] if name not in SHARED else []
    conditions += [f"period_kind in ({kinds})"] if name in RANKED else []
    return Mart.read(builder.warehouse, name, " and ".join(conditions) or "true")


def is_awake(moments: list[datetime], zone: str, direction: str) -> bool:
    """Whether a moment lies within the hour before or after a change of the zone's clocks."""
    hour, clock = timedelta(hours=1), ZoneInfo(zone)
    steps = [as_if_utc(at + hour, clock) - as_if_utc(at - hour, clock) - 2 * hour for at in moments]
    return max(steps) > timedelta() if direction == "forward" else min(steps) < timedelta()


def as_if_utc(moment: datetime, clock: ZoneInfo) -> datetime:
    """What the clock shows."""
    return moment.astimezone(clock).replace(tzinfo=None)
