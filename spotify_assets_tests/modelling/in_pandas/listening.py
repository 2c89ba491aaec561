"""Roll-ups and what they say of periods: track_days, track_periods, listening_*, track_variety, reconciliation."""

from collections.abc import Sequence

import pandas as pd

from spotify_assets_tests.modelling.in_pandas.periods import (
    EPOCH,
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
    """The streams of tracks."""
    return streams[streams["content_type"] == "track"].assign(track_key=streams["track_id"])


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
    rows = streams.assign(platform=streams["device"], is_incognito=streams["incognito"])
    key = ["user_id", "local_date", "local_hour", "content_type", "platform", "conn_country", "is_incognito"]
    return summed(rows, key)


def listening_days(streams: pd.DataFrame) -> pd.DataFrame:
    private, spoken = streams["incognito"].astype(int), streams["content_type"].isin(["episode", "audiobook"])
    rows = streams.assign(
        plays_incognito=streams["plays"] * private,
        ms_incognito=streams["ms_listened"] * private,
        ms_spoken=streams["ms_listened"] * spoken,
    )
    key = ["user_id", "local_date"]
    sums = rows.groupby(key)[["plays_incognito", "ms_incognito", "ms_spoken"]].sum()
    return summed(rows, key).join(sums, on=key)


def listening_periods(streams: pd.DataFrame) -> pd.DataFrame:
    private, spoken = streams["incognito"].astype(int), streams["content_type"].isin(["episode", "audiobook"])
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
    return by_kind(streams, ["conn_country"])


def reconciliation(streams: pd.DataFrame) -> pd.DataFrame:
    rows = in_periods(streams, ["month"]).rename(columns={"period_start": "month_start"})
    rows = rows.assign(matched=0, api_only=0, export_only=1, account_data_only=0, repeats=rows["copies"] - 1)
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


def fct_plays(streams: pd.DataFrame) -> pd.DataFrame:
    return streams.assign(
        source="export",
        is_excluded=False,
        excluded_by=None,
        skipped=streams["skipped_says"],
        context_uri=None,
        api_lake_key=None,
    )


def coverage(rows: pd.DataFrame, user_id: str) -> pd.DataFrame:
    """One span: the numbers of the audio files follow each other."""
    moments = pd.to_datetime(rows.loc[rows["file"].str.contains("Audio"), "ts"], utc=True).astype("datetime64[us, UTC]")
    return pd.DataFrame({
        "user_id": [user_id], "starts_at": [moments.min()], "ends_at": [moments.max()], "is_covered": [True],
        "proved_by": ["exports"], "provisional_from": pd.Series([pd.NaT], dtype="datetime64[us, UTC]"),
        "missing_at_least": [0],
    })  # fmt: skip


def listener_zones(zone: str, user_id: str) -> pd.DataFrame:
    """One zone, always."""
    begin = pd.Series([pd.Timestamp(0, tz="UTC")], dtype="datetime64[us, UTC]")
    never = pd.Series([pd.NaT], dtype="datetime64[us, UTC]")
    return pd.DataFrame({"user_id": [user_id], "time_zone": [zone], "starts_at": begin, "ends_at": never})


def period_coverage(streams: pd.DataFrame, span: pd.DataFrame, zone: str) -> pd.DataFrame:
    """Covered up to the last moment that is known; all time begins with the first. What goes on is not complete."""
    periods = in_periods(streams)[PERIOD].drop_duplicates().reset_index(drop=True)
    known = max(streams["played_at"].max(), span["ends_at"][0])
    start, end = (_midnight(dates, zone) for dates in (periods["period_start"], moved(periods, 1)))
    start = start.mask(periods["period_start"] == EPOCH, min(streams["played_at"].min(), span["starts_at"][0]))
    is_over = ~(end > known)
    end = end.fillna(known).clip(upper=known)
    covered = end.clip(upper=span["ends_at"][0]) - start.clip(lower=span["starts_at"][0])
    seconds = [times.dt.total_seconds().clip(lower=0).astype("Int64") for times in (covered, end - start)]
    return periods.assign(
        covered_share=parts(seconds[0], seconds[1]),
        is_complete=(seconds[0] == seconds[1]) & is_over,
        missing_at_least=0,
    )


def _midnight(dates: pd.Series, zone: str) -> pd.Series:
    """When local dates begin, UTC."""
    local = dates.dt.tz_localize(zone, ambiguous=[True] * len(dates), nonexistent="shift_forward")
    return pd.Series(local.dt.tz_convert("UTC"))
