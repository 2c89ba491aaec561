"""What every mart should hold, by its name, and by which columns its rows are known."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from spotify_assets_tests.modelling.in_pandas import (
    catalogue,
    charts,
    dims,
    genres,
    listening,
    places,
    plays,
    recap,
    recordings,
    rules,
    spans,
    streams,
    tops,
)
from spotify_assets_tests.modelling.in_pandas.names import names_of
from spotify_assets_tests.modelling.in_pandas.periods import PERIOD
from spotify_assets_tests.modelling.in_pandas.told import Listener, World

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
    "top_recordings": [*PERIOD, "recording_id", "main_artist_name", "title"],
    "dim_tracks": ["track_id"],
    "dim_artists": ["artist_id"],
    "dim_albums": ["album_id"],
    "artist_genres": ["artist_id", "genre"],
    "dim_recordings": ["recording_id"],
    "track_recordings": ["track_id"],
    "chart_history": ["source", "chart", "chart_date", "position"],
    "chart_firsts": ["user_id", "source", "chart", "recording_key"],
    "chart_overlap": ["user_id", "month_start", "source", "chart"],
    "exclusion_rules": ["rule_id"],
    "exclusion_effects": ["rule_id", "user_id"],
    "wrapped": PERIOD,
    "listener_zones": ["user_id", "starts_at"],
}  # fmt: skip
# What is not one listener's.
SHARED = {
    "dim_tracks", "dim_artists", "dim_albums", "artist_genres", "dim_recordings", "track_recordings", "chart_history",
    "exclusion_rules",
}  # fmt: skip
# What ranks, in as many kinds of periods as asked for.
RANKED = {"top_tracks", "top_artists", "top_albums", "top_genres", "top_recordings"}
# What needs nothing but the plays that count.
PLAIN: Mapping[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    function.__name__: function
    for function in (
        listening.track_days, listening.track_periods, listening.listening_hours, listening.listening_days,
        listening.listening_periods, listening.track_variety, listening.listening_clock,
        listening.listening_platforms, listening.listening_countries, listening.period_comparisons,
        spans.sessions, spans.streaks, spans.obsessions,
    )
}  # fmt: skip


@dataclass(frozen=True)
class Ids:
    """The keys that the marts made, for what they are made of is no column's meaning: those of plays and recordings."""

    plays: pd.DataFrame
    """fct_plays as it was found."""
    recordings: pd.DataFrame
    """track_recordings as it was found."""

    def of_plays(self, rows: pd.DataFrame) -> pd.DataFrame:
        same = ["user_id", "played_at", "content_uri", "title", "ms_played"]
        return rows.merge(self.plays[[*same, "play_id"]], on=same, how="left")


def expected(world: World, listener: Listener, kinds: Sequence[str], ids: Ids) -> recap.Frames:
    """A listener's rows of every mart. `kinds` are the periods in which there are ranks, month and year among them."""
    rows = streams.rows_of(listener.files)
    known = catalogue.catalogue(world, streams.named_tracks(rows))
    told = plays.together(streams.streams_of(rows), plays.polled(listener.pages), known)
    told = plays.in_zones(plays.measured(told.assign(user_id=listener.user_id), known), listener)
    told = ids.of_plays(rules.ruled(told, world, known))
    kept = told[~told["is_excluded"]].reset_index(drop=True)
    tracks, by_artist = dims.dim_tracks(known), genres.artist_genres(world, known)
    same = recordings.with_known_names(recordings.track_recordings(tracks), ids.recordings)
    described = recordings.dim_recordings(tracks, same)
    names = names_of(listening.tracks_of(kept)["track_key"], tracks, known)
    history = charts.chart_history(world)
    firsts = charts.chart_firsts(kept, history, same, described)
    proved = places.coverage(listener)
    marts = {name: function(kept) for name, function in PLAIN.items()} | {
        "fct_plays": told.assign(skipped=told["says_skipped"]),
        "reconciliation": listening.reconciliation(told),
        "exclusion_rules": rules.exclusion_rules(world),
        "exclusion_effects": rules.exclusion_effects(told, world),
        "listener_zones": places.listener_zones(listener),
        "coverage": proved,
        "period_coverage": places.period_coverage(kept, proved, listener),
        "dim_tracks": tracks,
        "dim_artists": dims.dim_artists(known, by_artist),
        "dim_albums": dims.dim_albums(known),
        "artist_genres": by_artist,
        "track_recordings": same,
        "dim_recordings": described,
        "track_discoveries": spans.track_discoveries(kept, names),
        "artist_discoveries": spans.artist_discoveries(kept, names),
        "top_tracks": tops.top_tracks(kept, names, kinds),
        "top_artists": tops.top_artists(kept, names, kinds),
        "top_albums": tops.top_albums(kept, names, kinds),
        "top_recordings": tops.top_recordings(kept, names, kinds, same, described),
        "top_genres": tops.top_genres(kept, names, kinds, by_artist),
        "chart_history": history,
        "chart_firsts": firsts,
        "chart_overlap": charts.chart_overlap(kept, history, same, firsts),
    }
    return {**marts, "wrapped": recap.wrapped(kept, marts)}
