"""The world's charts, and what a listener had of them: chart_history, chart_firsts, chart_overlap."""

import pandas as pd

from spotify_assets_tests.modelling.in_pandas.listening import tracks_of
from spotify_assets_tests.modelling.in_pandas.periods import parts, start_of
from spotify_assets_tests.modelling.in_pandas.told import World

SERIES = ["source", "chart"]


def chart_history(world: World) -> pd.DataFrame:
    """Each series alone, from one stored chart to the next."""
    rows = pd.DataFrame([
        {
            "source": page.source, "chart": page.chart, "chart_date": page.chart_date,
            "date_is_fetch_day": page.date_is_fetch_day, **entry,
        }
        for page in world.charts
        for entry in page.entries
    ])  # fmt: skip
    rows["entry"] = rows["track_id"].fillna(rows["source_id"])
    rows["number"] = rows.groupby(SERIES)["chart_date"].rank(method="dense").astype(int)
    best: dict[tuple[str, ...], dict[int, int]] = {}
    for *track, number, position in rows[[*SERIES, "entry", "number", "position"]].itertuples(index=False, name=None):
        standing = best.setdefault(tuple(track), {})
        standing[number] = min(position, standing.get(number, position))
    newest = rows.groupby(SERIES)["number"].transform("max")
    keys = rows[[*SERIES, "entry"]].itertuples(index=False, name=None)
    followed = [_followed(best[key], number) for key, number in zip(keys, rows["number"], strict=True)]
    history = pd.concat([rows, pd.DataFrame(followed, index=rows.index)], axis=1)
    history["previous_position"] = history["previous_position"].astype("Int64")
    return history.assign(
        change=history["previous_position"] - history["position"],
        leaves_next=history["leaves_next"].astype("boolean").mask(history["number"] == newest),
    )


def _followed(standing: dict[int, int], number: int) -> dict[str, object]:
    """A track on one chart, by its positions on each: what stands on a chart twice is followed by its better one."""
    so_far = [position for chart, position in standing.items() if chart <= number]
    return {
        "previous_position": standing.get(number - 1),
        "peak_position": min(so_far),
        "days_on_chart": len(so_far),
        "entered": number - 1 not in standing,
        "reentered": number - 1 not in standing and len(so_far) > 1,
        "leaves_next": number + 1 not in standing,
    }


def _charted(history: pd.DataFrame, recordings: pd.DataFrame) -> pd.DataFrame:
    """The positions of charts that give Spotify's ids, with what is looked for in a history."""
    rows = history[history["track_id"].notna()]
    ids = dict(zip(recordings["track_id"], recordings["recording_id"], strict=True))
    return rows.assign(recording_key=rows["track_id"].map(ids).fillna(rows["track_id"]))


def _heard(plays: pd.DataFrame, recordings: pd.DataFrame) -> pd.DataFrame:
    ids = dict(zip(recordings["track_id"], recordings["recording_id"], strict=True))
    tracks = tracks_of(plays)
    return tracks.assign(recording_key=tracks["track_key"].map(ids).fillna(tracks["track_key"]))


def chart_firsts(
    plays: pd.DataFrame, history: pd.DataFrame, recordings: pd.DataFrame, described: pd.DataFrame
) -> pd.DataFrame:
    rows = _charted(history, recordings)
    charted = rows.groupby([*SERIES, "recording_key"]).agg(
        first_charted_on=("chart_date", "min"), best_position=("position", "min")
    )
    charted = charted.join(rows.groupby(SERIES)["chart_date"].min().rename("begins_on"), on=SERIES).reset_index()
    heard = _heard(plays, recordings).groupby(["user_id", "recording_key"]).agg(
        first_played_at=("played_at", "min"), first_heard_on=("local_date", "min"), plays=("plays", "sum")
    ).reset_index()  # fmt: skip
    out = charted.merge(heard, on="recording_key")
    days = (out["first_charted_on"] - out["first_heard_on"]).dt.days.astype("Int64")
    names = described.set_index("recording_id")
    return out.assign(
        days_before_the_world=days.mask(out["first_charted_on"] == out["begins_on"]),
        title=out["recording_key"].map(names["title"]),
        main_artist_name=out["recording_key"].map(names["main_artist_name"]),
    )


def chart_overlap(
    plays: pd.DataFrame, history: pd.DataFrame, recordings: pd.DataFrame, firsts: pd.DataFrame
) -> pd.DataFrame:
    rows = _charted(history, recordings)
    rows = rows.assign(month_start=start_of("month", rows["chart_date"]))
    on_charts = rows[[*SERIES, "month_start", "recording_key"]].drop_duplicates().assign(is_on_chart=1)
    heard = _heard(plays, recordings)
    heard = heard.assign(month_start=start_of("month", heard["local_date"]))
    key = ["user_id", "month_start", "recording_key"]
    sums = heard.groupby(key)[["plays", "ms_listened"]].sum().reset_index()
    both = sums.merge(on_charts[[*SERIES, "month_start"]].drop_duplicates(), on="month_start")
    both = both.merge(on_charts, on=[*SERIES, "month_start", "recording_key"], how="left")
    both = both.merge(firsts, on=["user_id", *SERIES, "recording_key"], how="left", suffixes=("", " ever"))
    on = both["is_on_chart"].fillna(0).astype(int)
    both = both.assign(
        on=on,
        plays_on=both["plays"] * on,
        ms_on=both["ms_listened"] * on,
        before=on * (both["days_before_the_world"] > 0).fillna(False).astype(int),
        after=on * (both["first_heard_on"] >= both["first_charted_on"]).astype(int),
    )
    names = ["plays", "ms_listened", "on", "plays_on", "ms_on", "before", "after"]
    out = both.groupby(["user_id", "month_start", *SERIES])[names].sum().reset_index()
    return out.assign(
        share_of_plays=parts(out["plays_on"], out["plays"], 4), share_of_time=parts(out["ms_on"], out["ms_listened"], 4)
    ).rename(columns={
        "plays_on": "plays_on_chart", "on": "recordings_on_chart", "before": "heard_before_the_world",
        "after": "heard_after_the_world",
    })  # fmt: skip
