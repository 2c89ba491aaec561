"""What is shown of each mart in Dagster's UI: some rows, as queries. Its small chart is in `shown_charts`."""

# What is shown where there is a single listener, `%(user)s`. Tracks and artists too: they tell what was played.
LATEST = "(select max(date_trunc('month', local_date::timestamp)::date) from marts.track_days where user_id = %(user)s)"


def _top(name: str, columns: str, key: str) -> str:
    """The first of the latest month: tops of longer periods take longer, and every tick looks."""
    return f"""
        select rank, {columns}, plays, ms_listened / 60000 as minutes
        from marts.{name}
        where user_id = %(user)s and period_kind = 'month' and period_start = {LATEST}
        order by rank, rank_by_time, {key}
        limit 10"""


PREVIEWS = {
    "fct_plays": """
        select played_at, coalesce(track_name, title) as title,
            coalesce(main_artist_name, artist_name) as artist, ms_played, source
        from marts.fct_plays
        left join marts.dim_tracks using (track_id)
        where user_id = %(user)s
        order by played_at desc
        limit 10""",
    "top_tracks": _top("top_tracks", "track_name, main_artist_name", "track_key"),
    "top_artists": _top("top_artists", "artist_name", "artist_key"),
    "top_albums": _top("top_albums", "album_name, main_artist_name", "album_key"),
    "top_genres": _top("top_genres", "genre", "genre"),
    "top_recordings": f"""
        select rank, title, main_artist_name, tracks, plays
        from marts.top_recordings
        where user_id = %(user)s and period_kind = 'month' and period_start = {LATEST}
        order by rank, title
        limit 10""",
    "track_days": """
        select local_date, track_name, plays, streams, ms_listened / 60000 as minutes
        from marts.track_days
        left join marts.dim_tracks on track_id = track_key
        where user_id = %(user)s
        order by local_date desc, plays desc, track_key
        limit 10""",
    "track_periods": f"""
        select period_kind, period_start, track_name, plays, days
        from marts.track_periods
        left join marts.dim_tracks on track_id = track_key
        where user_id = %(user)s and period_kind = 'month' and period_start = {LATEST}
        order by plays desc, track_key
        limit 10""",
    "listening_hours": """
        select local_date, local_hour, content_type, platform, conn_country, plays, ms_listened / 60000 as minutes
        from marts.listening_hours
        where user_id = %(user)s
        order by local_date desc, local_hour desc
        limit 10""",
    "listening_days": """
        select local_date, plays, streams, ms_listened / 60000 as minutes, ms_incognito, ms_spoken
        from marts.listening_days
        where user_id = %(user)s
        order by local_date desc
        limit 10""",
    "listening_periods": """
        select period_start, plays, ms_listened / 60000 as minutes, days, skip_rate, ms_incognito / 60000 as incognito
        from marts.listening_periods
        where user_id = %(user)s and period_kind = 'month'
        order by period_start desc
        limit 12""",
    "period_comparisons": """
        select period_start, plays, plays_before, plays_year_before, growth, growth_on_year
        from marts.period_comparisons
        where user_id = %(user)s and period_kind = 'month'
        order by period_start desc
        limit 12""",
    "period_coverage": """
        select period_start, covered_share, is_complete, missing_at_least
        from marts.period_coverage
        where user_id = %(user)s and period_kind = 'month'
        order by period_start desc
        limit 12""",
    "track_variety": f"""
        select period_start, tracks, plays, repeat_rate, diversity, new_tracks, share_of_new_tracks
        from marts.track_variety
        where user_id = %(user)s and period_kind = 'month' and period_start = {LATEST}""",
    "listening_clock": """
        select weekday, local_hour, plays, ms_listened / 60000 as minutes, share_of_time
        from marts.listening_clock
        where user_id = %(user)s and period_kind = 'all_time'
        order by ms_listened desc, weekday, local_hour
        limit 10""",
    "listening_platforms": """
        select platform, plays, ms_listened / 60000 as minutes, share_of_time
        from marts.listening_platforms
        where user_id = %(user)s and period_kind = 'all_time'
        order by ms_listened desc, platform
        limit 10""",
    "listening_countries": """
        select conn_country, plays, ms_listened / 60000 as minutes, share_of_time
        from marts.listening_countries
        where user_id = %(user)s and period_kind = 'all_time'
        order by ms_listened desc, conn_country
        limit 10""",
    "sessions": """
        select started_at, length_ms / 60000 as minutes, streams, plays, started_by, platform
        from marts.sessions
        where user_id = %(user)s
        order by started_at desc
        limit 10""",
    "streaks": """
        select started_on, ended_on, days, plays, ms_listened / 60000 as minutes
        from marts.streaks
        where user_id = %(user)s
        order by days desc, started_on
        limit 10""",
    "obsessions": """
        select track_name, started_on, ended_on, days_played, obsessions.plays, most_plays_within
        from marts.obsessions
        left join marts.dim_tracks on track_id = track_key
        where user_id = %(user)s
        order by obsessions.plays desc, started_on
        limit 10""",
    "track_discoveries": """
        select discovered_on, track_name, main_artist_name, plays, days, has_stayed
        from marts.track_discoveries
        where user_id = %(user)s
        order by discovered_on desc, plays desc, track_key
        limit 10""",
    "artist_discoveries": """
        select discovered_on, artist_name, tracks, plays, has_stayed
        from marts.artist_discoveries
        where user_id = %(user)s
        order by discovered_on desc, plays desc, artist_key
        limit 10""",
    "wrapped": f"""
        select period_start, minutes, plays, top_track, top_artist, top_album, new_tracks, is_complete
        from marts.wrapped
        where user_id = %(user)s and period_kind = 'month' and period_start = {LATEST}""",
    "exclusion_effects": """
        select rule_id, kind, excluded, streams, plays, plays_before_all_rules, plays_after_all_rules
        from marts.exclusion_effects
        where user_id = %(user)s
        order by rule_id
        limit 10""",
    "dim_tracks": """
        select track_id, track_name, main_artist_name, album_name, release_date, duration_ms
        from marts.dim_tracks
        order by track_id
        limit 10""",
    "dim_artists": "select artist_id, artist_name from marts.dim_artists order by artist_id limit 10",
    "dim_albums": """
        select album_id, album_name, album_type, release_date
        from marts.dim_albums
        order by album_id
        limit 10""",
    "artist_genres": """
        select genre, source, count(*) as artists
        from marts.artist_genres
        group by genre, source
        order by count(*) desc, genre
        limit 10""",
    "chart_history": """
        select chart_date, source, position, change, title, artists, days_on_chart
        from marts.chart_history
        where chart_date = (select max(chart_date) from marts.chart_history)
        order by source, chart, position
        limit 10""",
    "chart_overlap": """
        select month_start, source, plays, plays_on_chart, share_of_time, heard_before_the_world
        from marts.chart_overlap
        where user_id = %(user)s
        order by month_start desc, source
        limit 12""",
    "chart_firsts": """
        select title, main_artist_name, first_heard_on, first_charted_on, days_before_the_world, plays
        from marts.chart_firsts
        where user_id = %(user)s
        order by days_before_the_world desc nulls last, recording_key
        limit 10""",
    "dim_recordings": """
        select title, main_artist_name, track_count, first_release_year
        from marts.dim_recordings
        order by track_count desc, recording_id
        limit 10""",
    "track_recordings": """
        select grouped_by, count(*) as tracks, count(distinct recording_id) as recordings
        from marts.track_recordings
        group by grouped_by
        order by count(*) desc""",
    "listener_zones": """
        select time_zone, starts_at, ends_at
        from marts.listener_zones
        where user_id = %(user)s
        order by starts_at""",
    "exclusion_rules": "select rule_id, kind, excluded, starts_at, ends_at, note from marts.exclusion_rules limit 10",
    "reconciliation": """
        select month_start, matched, api_only, export_only, account_data_only, repeats
        from marts.reconciliation
        where user_id = %(user)s
        order by month_start desc
        limit 12""",
    "coverage": """
        select starts_at, ends_at, is_covered, proved_by, provisional_from, missing_at_least
        from marts.coverage
        where user_id = %(user)s
        order by starts_at desc
        limit 20""",
}
