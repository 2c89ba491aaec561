"""wrapped: the other marts' months and years, side by side."""

import pandas as pd

from spotify_assets_tests.modelling.in_pandas.listening import summed, tracks_of
from spotify_assets_tests.modelling.in_pandas.periods import PERIOD, in_periods

KINDS = ("month", "year")
BEST = ["plays", "ms_listened"]
Frames = dict[str, pd.DataFrame]


def wrapped(streams: pd.DataFrame, marts: Frames) -> pd.DataFrame:
    """From the expected frames of the other marts."""
    base = _of(marts["listening_periods"]).drop(columns=["plays_of_unknown_length", "last_played_at"])
    first = _firsts(streams, marts["track_discoveries"])
    sides = [*_tops(marts), *_genres(marts), first, _busiest(streams), _new(marts), _sessions(marts["sessions"])]
    for name in ("track_variety", "period_comparisons", "period_coverage"):
        side = _of(marts[name]).set_index(PERIOD)
        sides.append(side[[column for column in side if column not in base]])
    out = base.set_index(PERIOD).join(pd.concat([side.sort_index() for side in sides], axis=1)).reset_index()
    counts = ["tracks", "artists", "albums", "genres", "new_tracks", "new_artists", "sessions", "longest_streak_days"]
    return out.assign(minutes=_minutes(out["ms_listened"]), **{name: out[name].fillna(0) for name in counts})


def _of(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["period_kind"].isin(KINDS)]


def _minutes(ms: pd.Series) -> pd.Series:
    return (ms + 30_000) // 60_000


def _best(rows: pd.DataFrame, by: list[str], tie: str) -> pd.DataFrame:
    """Each period's rows, the greatest first; of equals the one with the smallest `tie`."""
    return rows.sort_values([*by, tie], ascending=[*(False for _ in by), True])


def _first(rows: pd.DataFrame, by: list[str], tie: str) -> pd.DataFrame:
    """The best row of each period."""
    return _best(rows, by, tie).drop_duplicates(PERIOD).set_index(PERIOD)


def _five(rows: pd.DataFrame, names: dict[str, str], tie: str) -> pd.Series:
    """The five best of each period, as JSON shows them: JSON's name -> column."""
    best = _best(rows, BEST, tie).groupby(PERIOD).head(5)
    best = best.assign(minutes=_minutes(best["ms_listened"]))
    values = best[list(names.values())].astype(object)
    values = values.where(values.notna(), None).set_axis(list(names), axis=1)
    shown = pd.Series(values.to_dict("records"), index=best.index)
    return shown.groupby([best[column] for column in PERIOD]).agg(list)


def _tops(marts: Frames) -> list[pd.DataFrame | pd.Series]:
    tracks, artists, albums = (_of(marts[f"top_{kind}"]) for kind in ("tracks", "artists", "albums"))
    counted = {"plays": "plays", "minutes": "minutes"}
    track = {"track_id": "track_id", "title": "track_name", "artist": "main_artist_name", **counted}
    album = {"album_id": "album_id", "title": "album_name", "artist": "main_artist_name", **counted}
    artist = {"artist_id": "artist_id", "name": "artist_name", **counted}
    best_track = _first(tracks, BEST, "track_key")[["track_name", "main_artist_name"]]
    return [
        best_track.set_axis(["top_track", "top_track_artist"], axis=1),
        _first(artists, BEST, "artist_key")["artist_name"].rename("top_artist"),
        _first(albums, BEST, "album_key")["album_name"].rename("top_album"),
        _five(tracks, track, "track_key").rename("top_tracks"),
        _five(artists, artist, "artist_key").rename("top_artists"),
        _five(albums, album, "album_key").rename("top_albums"),
        artists.groupby(PERIOD).size().rename("artists"),
        albums.groupby(PERIOD).size().rename("albums"),
    ]


def _genres(marts: Frames) -> list[pd.DataFrame | pd.Series]:
    """Of those that are known; plays have two decimals."""
    genres = _of(marts["top_genres"])
    genres = genres[genres["genre"] != "unknown"]
    shown = genres.assign(plays=genres["plays"].astype("float64") / 100)
    return [
        _first(genres, BEST, "genre")["genre"].rename("top_genre"),
        _five(shown, {"genre": "genre", "plays": "plays", "minutes": "minutes"}, "genre").rename("top_genres"),
        genres.groupby(PERIOD).size().rename("genres"),
    ]


def _firsts(streams: pd.DataFrame, discoveries: pd.DataFrame) -> pd.DataFrame:
    tracks = in_periods(tracks_of(streams), KINDS)
    first = tracks.sort_values(["played_at", "track_key"]).drop_duplicates(PERIOD).set_index(PERIOD)
    first = first.join(discoveries.set_index("track_key")["track_name"], on="track_key")
    return first[["track_name", "played_at"]].set_axis(["first_track", "first_track_at"], axis=1)


def _busiest(streams: pd.DataFrame) -> pd.DataFrame:
    """Days, weekdays, hours, devices and countries with most time."""
    rows = in_periods(streams.assign(weekday=streams["local_date"].dt.day_of_week + 1), KINDS)
    time = {
        column: summed(rows, [*PERIOD, column])[[*PERIOD, column, "ms_listened"]]
        for column in ("local_date", "weekday", "local_hour", "device", "country")
    }
    for column in ("device", "country"):
        time[column] = time[column][time[column][column] != "unknown"]
    first = {column: _first(sums, ["ms_listened"], column) for column, sums in time.items()}
    countries = _best(time["country"], ["ms_listened"], "country")
    return pd.DataFrame({
        "busiest_day": first["local_date"]["local_date"],
        "busiest_day_ms": first["local_date"]["ms_listened"],
        "busiest_weekday": first["weekday"]["weekday"],
        "busiest_hour": first["local_hour"]["local_hour"],
        "top_platform": first["device"]["device"],
        "countries": countries.groupby(PERIOD)["country"].agg(list),
        "longest_streak_days": _longest_streaks(rows[rows["is_counted"]]),
    })  # fmt: skip


def _longest_streaks(counted: pd.DataFrame) -> pd.Series:
    days = counted[[*PERIOD, "local_date"]].drop_duplicates().sort_values([*PERIOD, "local_date"])
    run = (days.groupby(PERIOD)["local_date"].diff() != pd.Timedelta(days=1)).cumsum()
    return days.groupby([*(days[column] for column in PERIOD), run.rename("run")]).size().groupby(PERIOD).max()


def _new(marts: Frames) -> pd.DataFrame:
    """What began in the period: artists, and the greatest obsession."""
    artists = in_periods(marts["artist_discoveries"], KINDS, by="discovered_on").groupby(PERIOD).size()
    tracks = marts["track_discoveries"].set_index("track_key")[["track_name", "main_artist_name"]]
    began = in_periods(marts["obsessions"], KINDS, by="started_on")
    obsessed = _first(began.sort_values("track_key"), ["plays"], "started_on").join(tracks, on="track_key")
    return pd.DataFrame({
        "new_artists": artists,
        "obsession": obsessed["track_name"],
        "obsession_artist": obsessed["main_artist_name"],
        "obsession_plays": obsessed["plays"],
    })  # fmt: skip


def _sessions(sessions: pd.DataFrame) -> pd.DataFrame:
    rows = in_periods(sessions, KINDS)
    longest = _first(rows, ["length_ms"], "local_date")
    return pd.DataFrame({
        "sessions": rows.groupby(PERIOD).size(),
        "longest_session_ms": longest["length_ms"],
        "longest_session_on": longest["local_date"],
    })  # fmt: skip
