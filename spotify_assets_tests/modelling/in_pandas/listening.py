"""Roll-ups and what they say of periods: track_days, track_periods, listening_*, track_variety, reconciliation."""

from collections.abc import Sequence

import pandas as pd

from spotify_assets_tests.modelling.in_pandas.periods import (
    KINDS,
    PERIOD,
    beside,
    in_periods,
    moved,
    parts,
    year_before,
)

TIMES = ["streams", "plays", "ms_listened", "ms_estimated", "plays_of_unknown_length"]
ENDS = ["completed", "skipped", "ends_known"]
# On which local dates.
DATES = {
    "first_local_date": ("local_date", "min"),
    "last_local_date": ("local_date", "max"),
    "days": ("local_date", "nunique"),
}
LONG = ("month", "year", "all_time")


def tracks_of(streams: pd.DataFrame) -> pd.DataFrame:
    """The streams of tracks that have an id or a name."""
    return streams[streams["track_key"].notna()]


def summed(rows: pd.DataFrame, key: Sequence[str], **more: tuple[str, str]) -> pd.DataFrame:
    """What every roll-up sums, by key, and more: name=(column, how)."""
    groups = rows.groupby(list(key), sort=False)
    others = groups.agg(first_played_at=("played_at", "min"), last_played_at=("played_at", "max"), **more)
    return pd.concat([groups[[*TIMES, *ENDS]].sum(), others], axis=1).reset_index()


def track_days(streams: pd.DataFrame) -> pd.DataFrame:
    days = summed(tracks_of(streams), ["user_id", "local_date", "track_key"], **DATES)
    return days.assign(next_local_date=days["local_date"] + pd.Timedelta(days=1))


def track_periods(streams: pd.DataFrame) -> pd.DataFrame:
    longer = in_periods(tracks_of(streams), [kind for kind in KINDS if kind != "day"])
    periods = summed(longer, [*PERIOD, "track_key"], **DATES)
    return periods.assign(next_period_start=moved(periods, 1))


def listening_hours(streams: pd.DataFrame) -> pd.DataFrame:
    rows = streams.assign(platform=streams["device"], conn_country=streams["country"])
    key = ["user_id", "local_date", "local_hour", "content_type", "platform", "conn_country", "is_incognito"]
    return summed(rows, key)


def listening_days(streams: pd.DataFrame) -> pd.DataFrame:
    private, spoken = streams["is_incognito"].astype(int), streams["content_type"].isin(["episode", "audiobook"])
    rows = streams.assign(
        plays_incognito=streams["plays"] * private,
        ms_incognito=streams["ms_listened"] * private,
        ms_spoken=streams["ms_listened"] * spoken,
    )
    key = ["user_id", "local_date"]
    sums = rows.groupby(key)[["plays_incognito", "ms_incognito", "ms_spoken"]].sum()
    return summed(rows, key).join(sums, on=key)


def listening_periods(streams: pd.DataFrame) -> pd.DataFrame:
    private, spoken = streams["is_incognito"].astype(int), streams["content_type"].isin(["episode", "audiobook"])
    rows = in_periods(
        streams.assign(
            plays_incognito=streams["plays"] * private,
            ms_incognito=streams["ms_listened"] * private,
            ms_spoken=streams["ms_listened"] * spoken,
            counted_date=streams["local_date"].where(streams["is_counted"]),
        )
    )
    groups = rows.groupby(PERIOD)
    periods = summed(rows, PERIOD).join(groups[["plays_incognito", "ms_incognito", "ms_spoken"]].sum(), on=PERIOD)
    return periods.join(groups["counted_date"].nunique().rename("days"), on=PERIOD).assign(
        completion_rate=parts(periods["completed"], periods["ends_known"]),
        skip_rate=parts(periods["skipped"], periods["ends_known"]),
    )


def track_variety(streams: pd.DataFrame) -> pd.DataFrame:
    tracks = tracks_of(streams)
    first = tracks.groupby("track_key")["played_at"].min().rename("first_ever")
    rows = summed(in_periods(tracks), [*PERIOD, "track_key"]).join(first, on="track_key")
    new = (rows["first_played_at"] == rows["first_ever"]).astype(int)
    rows = rows.assign(
        tracks=1,
        tracks_played=(rows["plays"] > 0).astype(int),
        squares=rows["plays"] ** 2,
        new_tracks=new,
        plays_of_new_tracks=new * rows["plays"],
    )
    names = ["tracks", "tracks_played", "plays", "squares", "new_tracks", "plays_of_new_tracks"]
    out = rows.groupby(PERIOD)[names].sum().reset_index()
    return out.assign(
        repeat_rate=parts(out["plays"] - out["tracks_played"], out["plays"]),
        diversity=parts(out["plays"] ** 2, out["squares"], 2),
        share_of_new_tracks=parts(out["plays_of_new_tracks"], out["plays"]),
    ).drop(columns="squares")


def by_kind(streams: pd.DataFrame, key: Sequence[str]) -> pd.DataFrame:
    """Months, years and all time by something, with its part of the time."""
    out = summed(in_periods(streams, LONG), [*PERIOD, *key])[[*PERIOD, *key, "plays", "streams", "ms_listened"]]
    whole = out.groupby(PERIOD)["ms_listened"].transform("sum")
    return out.assign(share_of_time=parts(out["ms_listened"], whole))


def listening_clock(streams: pd.DataFrame) -> pd.DataFrame:
    return by_kind(streams.assign(weekday=streams["local_date"].dt.day_of_week + 1), ["weekday", "local_hour"])


def listening_platforms(streams: pd.DataFrame) -> pd.DataFrame:
    return by_kind(streams.assign(platform=streams["device"]), ["platform"])


def listening_countries(streams: pd.DataFrame) -> pd.DataFrame:
    return by_kind(streams.assign(conn_country=streams["country"]), ["conn_country"])


def reconciliation(streams: pd.DataFrame) -> pd.DataFrame:
    """Of all streams, those included that rules leave out."""
    rows = in_periods(streams, ["month"]).rename(columns={"period_start": "month_start"})
    reported = {source: (rows["source"] == source).astype(int) for source in ("both", "api", "export", "account_data")}
    rows = rows.assign(
        matched=reported["both"],
        api_only=reported["api"],
        export_only=reported["export"],
        account_data_only=reported["account_data"],
        repeats=(rows["copies"] - 1).clip(lower=0),
    )
    names = ["matched", "api_only", "export_only", "account_data_only", "repeats"]
    return rows.groupby(["user_id", "month_start"])[names].sum().reset_index()


def period_comparisons(streams: pd.DataFrame) -> pd.DataFrame:
    periods = summed(in_periods(streams), PERIOD)[[*PERIOD, "plays", "ms_listened"]]
    before = beside(periods, moved(periods, -1), [], {"plays": "plays_before", "ms_listened": "ms_before"})
    year = beside(periods, year_before(periods), [], {"plays": "plays_year_before", "ms_listened": "ms_year_before"})
    out = pd.concat([periods, before, year], axis=1)
    return out.assign(
        growth=parts(out["ms_listened"] - out["ms_before"].astype("Int64"), out["ms_before"], 4),
        growth_on_year=parts(out["ms_listened"] - out["ms_year_before"].astype("Int64"), out["ms_year_before"], 4),
    )
