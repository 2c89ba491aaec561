"""Where a listener was, and what is proved complete: listener_zones, coverage, period_coverage."""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

import pandas as pd

from spotify_assets_tests.modelling.in_pandas.periods import EPOCH, PERIOD, in_periods, milliseconds, moved, parts
from spotify_assets_tests.modelling.in_pandas.told import File, Listener

Span = tuple[pd.Timestamp, pd.Timestamp]
LATE = pd.Timedelta(days=5)


def midnights(dates: pd.Series, zone: str) -> pd.Series:
    """When local dates begin in a zone, UTC."""
    local = dates.dt.tz_localize(zone, ambiguous=[True] * len(dates), nonexistent="shift_forward")
    return pd.Series(local.dt.tz_convert("UTC").astype("datetime64[us, UTC]"))


def listener_zones(listener: Listener) -> pd.DataFrame:
    """A zone counts from midnight, in this zone, of its date."""
    begins = [pd.Timestamp(0, tz="UTC")]
    begins += [day.tz_localize(zone).tz_convert("UTC") for zone, day in listener.zones if day is not None]
    return pd.DataFrame({
        "user_id": listener.user_id,
        "time_zone": [zone for zone, _ in listener.zones],
        "starts_at": pd.Series(begins, dtype="datetime64[us, UTC]"),
        "ends_at": pd.Series([*begins[1:], pd.NaT], dtype="datetime64[us, UTC]"),
    })  # fmt: skip


def zone_of(listener: Listener, moments: pd.Series) -> pd.Series:
    """The zone that counts at each moment."""
    out = pd.Series("", index=moments.index)
    for zone, begin in listener_zones(listener)[["time_zone", "starts_at"]].itertuples(index=False, name=None):
        out[moments >= begin] = zone
    return out


def coverage(listener: Listener) -> pd.DataFrame:
    """What polls and files prove, joined where they touch, and the holes between."""
    polls, exports = [*_polled(listener)], [*_exported(listener)]
    lacking = {(left[1], right[0]): count for left, right, count in _gaps(listener.files) if count}
    proved = _union([*polls, *exports])
    rows = [
        {
            "starts_at": start,
            "ends_at": end,
            "is_covered": True,
            "proved_by": _proved_by((start, end), polls, exports),
            "provisional_from": _provisional((start, end), polls, exports),
            "missing_at_least": 0,
        }
        for start, end in proved
    ]
    rows += [
        {"starts_at": hole[0], "ends_at": hole[1], "is_covered": False, "missing_at_least": lacking.get(hole)}
        for hole in zip([end for _, end in proved], [start for start, _ in proved[1:]], strict=False)
    ]
    return pd.DataFrame(rows).assign(user_id=listener.user_id)


def _polled(listener: Listener) -> Iterator[Span]:
    for page in listener.pages:
        yield min(pd.Timestamp(str(item["played_at"])) for item in page.items), page.fetched_at


def _exported(listener: Listener) -> Iterator[Span]:
    """Files of music, and between two of them that follow each other."""
    for file in listener.files:
        if not file.is_video and "podcast" not in file.name:
            yield _span(file)
    for left, right, lacking in _gaps(listener.files):
        if not lacking:
            yield left[1], right[0]


def _span(file: File) -> Span:
    ends = [f"{row['endTime']}:00Z" if file.is_account_data else str(row["ts"]) for row in file.rows]
    return pd.Timestamp(min(ends)), pd.Timestamp(max(ends))


def _gaps(files: Iterable[File]) -> Iterator[tuple[Span, Span, int]]:
    """The spans of two files of one export, the one after the other, and how many numbers are missing between."""
    series: dict[tuple[int, str], list[tuple[int, Span]]] = {}
    for file in files:
        name = re.search(r"_(\d+)\.json$", file.name)
        if name and not file.is_video and "podcast" not in file.name:
            letters = "".join(sign for sign in file.name if sign.isalpha())
            series.setdefault((file.export, letters), []).append((int(name[1]), _span(file)))
    for found in series.values():
        found.sort()
        for (number, left), (following, right) in pairwise(found):
            yield left, right, following - number - 1


def _union(spans: Iterable[Span]) -> list[Span]:
    out: list[Span] = []
    for start, end in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = out[-1][0], max(end, out[-1][1])
        else:
            out.append((start, end))
    return out


def _proved_by(span: Span, polls: list[Span], exports: list[Span]) -> str:
    by = [any(start <= span[1] and end >= span[0] for start, end in spans) for spans in (polls, exports)]
    return "both" if all(by) else "polls" if by[0] else "exports"


def _provisional(span: Span, polls: list[Span], exports: list[Span]) -> pd.Timestamp | None:
    """From when on, within the last five days, polls alone prove it."""
    if _proved_by(span, polls, exports) == "exports":
        return None
    begin = max(span[0], span[1] - LATE)
    for start, end in _union(exports):
        if start <= begin <= end:
            begin = end
    return begin if begin < span[1] else None


def period_coverage(plays: pd.DataFrame, spans: pd.DataFrame, listener: Listener) -> pd.DataFrame:
    """A period begins at midnight where the listener was, and is measured up to the last moment that is known."""
    periods = in_periods(plays)[PERIOD].drop_duplicates().reset_index(drop=True)
    covered = spans[spans["is_covered"]]
    known = covered["ends_at"].max()
    start, following = (_begins(dates, listener) for dates in (periods["period_start"], moved(periods, 1)))
    start = start.mask(periods["period_start"] == EPOCH, covered["starts_at"].min())
    end = following.fillna(known).clip(upper=known)
    inside = pd.Series(0, index=periods.index)
    for begin, until in covered[["starts_at", "ends_at"]].itertuples(index=False, name=None):
        inside += milliseconds(end.clip(upper=until) - start.clip(lower=begin)).clip(lower=0)
    missing = pd.Series(0, index=periods.index)
    for begin, until, count in spans[["starts_at", "ends_at", "missing_at_least"]].itertuples(index=False, name=None):
        missing += ((start <= begin) & (end >= until)).astype(int) * int(0 if pd.isna(count) else count)
    whole = milliseconds(end - start).clip(lower=0)
    return periods.assign(
        covered_share=parts(inside, whole),
        is_complete=(inside == whole) & (start <= end) & ~(following > known),
        missing_at_least=missing,
    )


def _begins(dates: pd.Series, listener: Listener) -> pd.Series:
    """When local dates begin where the listener was then."""
    begins = pd.Series(pd.NaT, index=dates.index, dtype="datetime64[us, UTC]")
    for zone, day in listener.zones:
        begins = begins.mask(dates >= (day or EPOCH - pd.Timedelta(days=1)), midnights(dates, zone))
    return begins
