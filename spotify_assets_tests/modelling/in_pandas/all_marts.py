"""What every mart should hold, by its name, and by which columns its rows are known."""

from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from spotify_assets_tests.modelling.in_pandas import listening, recap, spans, tops
from spotify_assets_tests.modelling.in_pandas.periods import PERIOD

KEYS = {
    "fct_plays": ["play_id"],
    "track_days": ["user_id", "local_date", "track_key"],
    "track_periods": [*PERIOD, "track_key"],
    "listening_hours": [
        "user_id", "local_date", "local_hour", "content_type", "platform", "conn_country", "is_incognito",
    ],
    "listening_days": ["user_id", "local_date"],
    "listening_periods": PERIOD,
    "track_variety": PERIOD,
    "listening_clock": [*PERIOD, "weekday", "local_hour"],
    "listening_platforms": [*PERIOD, "platform"],
    "listening_countries": [*PERIOD, "conn_country"],
    "reconciliation": ["user_id", "month_start"],
    "period_comparisons": PERIOD,
    "period_coverage": PERIOD,
    "coverage": ["user_id", "starts_at"],
    "sessions": ["session_id"],
    "streaks": ["user_id", "started_on"],
    "track_discoveries": ["user_id", "track_key"],
    "artist_discoveries": ["user_id", "artist_key"],
    "obsessions": ["user_id", "track_key", "started_on"],
    "top_tracks": [*PERIOD, "track_key"],
    "top_artists": [*PERIOD, "artist_key"],
    "top_albums": [*PERIOD, "album_key"],
    "top_genres": [*PERIOD, "genre"],
    "top_recordings": [*PERIOD, "recording_id"],
    "dim_tracks": ["track_id"],
    "dim_recordings": ["recording_id"],
    "track_recordings": ["track_id"],
    "wrapped": PERIOD,
    "listener_zones": ["user_id"],
}  # fmt: skip


# The other relations of the schema: they must be empty, for these reasons.
EMPTY = {
    **dict.fromkeys(("dim_artists", "dim_albums", "artist_genres"), "an export knows no ids of artists and albums"),
    **dict.fromkeys(("chart_history", "chart_firsts", "chart_overlap"), "there are no charts"),
    **dict.fromkeys(("exclusion_rules", "exclusion_effects"), "nothing is excluded"),
}
# Those of everybody's tracks: the others are a listener's.
SHARED = {"dim_tracks", "track_recordings", "dim_recordings"}
# What needs nothing but the streams.
PLAIN: Mapping[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    function.__name__: function
    for function in (
        listening.fct_plays, listening.track_days, listening.track_periods, listening.listening_hours,
        listening.listening_days, listening.listening_periods, listening.track_variety, listening.listening_clock,
        listening.listening_platforms, listening.listening_countries, listening.reconciliation,
        listening.period_comparisons,
        spans.sessions, spans.streaks, spans.track_discoveries, spans.artist_discoveries, spans.obsessions,
        tops.dim_tracks, tops.track_recordings, tops.dim_recordings,
    )
}  # fmt: skip
# What ranks, in as many kinds of periods as asked for.
RANKED: Mapping[str, Callable[[pd.DataFrame, Sequence[str]], pd.DataFrame]] = {
    function.__name__: function
    for function in (tops.top_tracks, tops.top_artists, tops.top_albums, tops.top_genres, tops.top_recordings)
}


def expected(streams: pd.DataFrame, rows: pd.DataFrame, zone: str, kinds: Sequence[str]) -> recap.Frames:
    """A listener's rows of every mart. `streams` are in the zone, with the keys that the marts give them;
    `rows` are the export's; `kinds` are the periods in which there are ranks, month and year among them."""
    marts = {name: function(streams) for name, function in PLAIN.items()}
    marts |= {name: function(streams, kinds) for name, function in RANKED.items()}
    user_id = str(streams["user_id"].iloc[0])
    marts["coverage"] = listening.coverage(rows, user_id)
    marts["period_coverage"] = listening.period_coverage(streams, marts["coverage"], zone)
    marts["listener_zones"] = listening.listener_zones(zone, user_id)
    return {**marts, "wrapped": recap.wrapped(streams, marts)}
