"""Days, weeks, months, quarters, years and all time: when they begin, which comes before and after."""

from collections.abc import Sequence

import pandas as pd

EPOCH = pd.Timestamp("1970-01-01").as_unit("us")
STEPS = {
    "day": pd.DateOffset(days=1),
    "week": pd.DateOffset(days=7),
    "month": pd.DateOffset(months=1),
    "quarter": pd.DateOffset(months=3),
    "year": pd.DateOffset(years=1),
}
KINDS = [*STEPS, "all_time"]
PERIOD = ["user_id", "period_kind", "period_start"]


def start_of(kind: str, dates: pd.Series) -> pd.Series:
    """The first date of the period of a kind in which each date lies."""
    if kind == "all_time":
        return pd.Series(EPOCH, index=dates.index)
    if kind == "week":
        return pd.Series(dates - pd.to_timedelta(dates.dt.day_of_week, unit="D"))
    if kind == "day":
        return dates
    months = {"month": dates.dt.month, "quarter": dates.dt.quarter * 3 - 2, "year": 1}
    firsts = pd.DataFrame({"year": dates.dt.year, "month": months[kind], "day": 1})
    return pd.to_datetime(firsts).astype("datetime64[us]")


def in_periods(rows: pd.DataFrame, kinds: Sequence[str] = tuple(KINDS), by: str = "local_date") -> pd.DataFrame:
    """Each row once for every kind of period, with the period in which its date lies."""
    return pd.concat(
        [rows.assign(period_kind=kind, period_start=start_of(kind, rows[by])) for kind in kinds], ignore_index=True
    )


def moved(periods: pd.DataFrame, steps: int) -> pd.Series:
    """The start of the period so many steps away; none for all time."""
    out = pd.Series(pd.NaT, index=periods.index, dtype="datetime64[us]")
    for kind, step in STEPS.items():
        these = periods["period_kind"] == kind
        starts = periods.loc[these, "period_start"]
        out[these] = starts.map({start: start + step * steps for start in starts.unique()})
    return out


def year_before(periods: pd.DataFrame) -> pd.Series:
    """The start of the same period a year before, of a week 52 weeks; none for all time and 29 February."""
    starts = periods["period_start"]
    weeks, all_time = periods["period_kind"] == "week", periods["period_kind"] == "all_time"
    leap = (periods["period_kind"] == "day") & (starts.dt.month == 2) & (starts.dt.day == 29)
    before = starts.map({start: start - pd.DateOffset(years=1) for start in starts.unique()})
    return before.mask(weeks, starts - pd.Timedelta(days=364)).mask(all_time | leap).astype("datetime64[us]")


def beside(rows: pd.DataFrame, at: pd.Series, key: Sequence[str], names: dict[str, str]) -> pd.DataFrame:
    """Columns of the row of the same key in the period that starts at `at`, under other names; null where none is."""
    other = rows[[*PERIOD, *key, *names]].rename(columns=names)
    wanted = rows[[*PERIOD, *key]].assign(period_start=at)
    return wanted.merge(other, on=[*PERIOD, *key], how="left")[list(names.values())].set_index(rows.index)


def parts(part: pd.Series, whole: pd.Series, digits: int = 6) -> pd.Series:
    """part / whole in units of the last of so many digits, halves away from zero; null without a whole."""
    numerator, whole = part.astype("Int64"), whole.astype("Int64")
    whole = whole.mask(whole == 0)
    units = (2 * numerator.abs() * 10**digits + whole) // (2 * whole)
    rounded: pd.Series = units.mask((numerator < 0).fillna(False), -units)
    return rounded


def milliseconds(times: pd.Series) -> pd.Series:
    return times.astype("timedelta64[ms]").astype("int64")
