"""What lasts: sessions, streaks, discoveries, obsessions."""

import pandas as pd

from spotify_assets_tests.modelling.in_pandas.listening import tracks_of
from spotify_assets_tests.modelling.in_pandas.names import Names
from spotify_assets_tests.modelling.in_pandas.periods import milliseconds

GAP = pd.Timedelta(minutes=30)
WEEK = pd.Timedelta(days=7)
DAY = pd.Timedelta(days=1)
OBSESSED = 10
STAYS = pd.Timedelta(days=30)
# A date and how many plays it had.
Day = tuple[pd.Timestamp, int]


def sessions(streams: pd.DataFrame) -> pd.DataFrame:
    """`streams` with their play_id."""
    rows = streams.sort_values(["began_at", "played_at", "play_id"])
    latest_end = rows["played_at"].cummax().shift()
    rows["content"] = rows["content_uri"].fillna(rows["artist_name"].fillna("") + "\x1f" + rows["title"])
    rows["session"] = ((rows["began_at"] - latest_end) > GAP).cumsum()
    groups = rows.groupby("session")
    first = rows.drop_duplicates("session").set_index("session")
    times = groups.agg(ended_at=("played_at", "max"), contents=("content", "nunique"))
    names = ["streams", "plays", "ms_listened", "ms_estimated", "completed", "skipped"]
    return pd.DataFrame({
        "session_id": first["play_id"],
        "user_id": first["user_id"],
        "started_at": first["began_at"],
        "local_date": first["local_date"],
        "length_ms": milliseconds(times["ended_at"] - first["began_at"]),
        "started_by": first["reason_start"],
        "first_content_uri": first["content_uri"],
        "first_context_uri": first["context_uri"],
        "platform": first["device"],
    }).join(times).join(groups[names].sum()).reset_index(drop=True)  # fmt: skip


def streaks(streams: pd.DataFrame) -> pd.DataFrame:
    days = streams.groupby(["user_id", "local_date"])[["plays", "ms_listened"]].sum().reset_index()
    days = days[days["plays"] > 0]
    run = (days["local_date"].diff() != DAY).cumsum()
    out = days.groupby(["user_id", run.rename("run")]).agg(
        started_on=("local_date", "min"),
        ended_on=("local_date", "max"),
        days=("local_date", "size"),
        plays=("plays", "sum"),
        ms_listened=("ms_listened", "sum"),
    )
    return (
        out.reset_index().drop(columns="run").assign(is_latest=out["ended_on"].to_numpy() == days["local_date"].max())
    )


def _discoveries(rows: pd.DataFrame, key: str, history_ends: pd.Timestamp) -> pd.DataFrame:
    groups = rows.groupby(["user_id", key])
    out = groups.agg(
        discovered_on=("local_date", "min"),
        last_heard_on=("local_date", "max"),
        days=("local_date", "nunique"),
        tracks=("track_key", "nunique"),
    )
    out = out.join(groups[["plays", "streams", "ms_listened"]].sum()).reset_index()
    stayed = (out["last_heard_on"] - out["discovered_on"] >= STAYS).astype("boolean")
    return out.assign(has_stayed=stayed.mask(~stayed & (out["discovered_on"] + STAYS > history_ends)))


def track_discoveries(streams: pd.DataFrame, names: Names) -> pd.DataFrame:
    out = _discoveries(tracks_of(streams), "track_key", streams["local_date"].max()).drop(columns="tracks")
    return out.join(names.tracks, on="track_key")


def artist_discoveries(streams: pd.DataFrame, names: Names) -> pd.DataFrame:
    out = _discoveries(names.by_artist(tracks_of(streams)), "artist_key", streams["local_date"].max())
    return out.drop(columns="days").join(names.artists, on="artist_key")


def obsessions(streams: pd.DataFrame) -> pd.DataFrame:
    played = tracks_of(streams).groupby(["user_id", "track_key", "local_date"])["plays"].sum()
    played = played[(played > 0) & (played.groupby(["user_id", "track_key"]).transform("sum") >= OBSESSED)]
    days: dict[tuple[str, str], list[Day]] = {}
    for user, track, day, plays in played.reset_index().itertuples(index=False, name=None):
        days.setdefault((user, track), []).append((day, plays))
    return pd.DataFrame([
        {"user_id": user, "track_key": track, **span}
        for (user, track), of_track in days.items()
        for span in _obsessions_of(of_track)
    ])  # fmt: skip


def _obsessions_of(played: list[Day]) -> list[dict[str, object]]:
    """Of one track, by date: the weeks with plays enough, joined where they share a date on which it was played."""
    weeks = [[(day, plays) for day, plays in played if start <= day < start + WEEK] for start, _ in played]
    busy = [week for week in weeks if _sum(week) >= OBSESSED]
    spans: list[list[list[Day]]] = []
    for week in busy:
        if spans and week[0][0] <= spans[-1][-1][-1][0]:
            spans[-1].append(week)
        else:
            spans.append([week])
    return [_span(played, weeks_of) for weeks_of in spans]


def _span(played: list[Day], weeks: list[list[Day]]) -> dict[str, object]:
    start, end = weeks[0][0][0], weeks[-1][-1][0]
    inside = [(day, plays) for day, plays in played if start <= day <= end]
    most = max(_sum(week) for week in weeks)
    return {
        "started_on": start, "ended_on": end, "days_played": len(inside), "plays": _sum(inside),
        "most_plays_within": most,
    }  # fmt: skip


def _sum(days: list[Day]) -> int:
    return sum(plays for _, plays in days)
