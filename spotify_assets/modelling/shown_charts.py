"""The small charts of the marts in Dagster's UI: by name, what it counts, and a query of numbers in order."""

from spotify_assets.modelling.shown import LATEST

_MONTHS = """
        select sum(ms_listened) / 60000
        from marts.listening_days
        where user_id = %(user)s
        group by date_trunc('month', local_date::timestamp)
        order by date_trunc('month', local_date::timestamp)"""
_BY_MONTH = ("minutes by month, up to the latest", _MONTHS)
CHARTS = {
    **dict.fromkeys(
        (
            "fct_plays",
            "listening_days",
            "listening_hours",
            "listening_periods",
            "period_comparisons",
            "track_days",
            "track_periods",
            "wrapped",
        ),
        _BY_MONTH,
    ),
    **{
        name: (
            f"minutes by {column}, most first",
            f"""
        select sum(ms_listened) / 60000
        from marts.listening_hours
        where user_id = %(user)s
        group by {column}
        order by sum(ms_listened) desc""",
        )
        for name, column in (("listening_platforms", "platform"), ("listening_countries", "conn_country"))
    },
    **{
        name: (
            "plays of the first fifty of the latest month",
            f"""
        select plays
        from marts.{name}
        where user_id = %(user)s and period_kind = 'month' and period_start = {LATEST} and rank <= 50
        order by rank""",
        )
        for name in ("top_tracks", "top_artists", "top_albums", "top_genres", "top_recordings")
    },
    "listening_clock": (
        "minutes by hour, from midnight",
        """
        select coalesce(sum(ms_listened), 0) / 60000
        from generate_series(0, 23) as hours (local_hour)
        left join marts.listening_hours as heard on heard.local_hour = hours.local_hour and user_id = %(user)s
        group by hours.local_hour
        order by hours.local_hour""",
    ),
    "sessions": (
        "how many last under 10, 20, … minutes, and longer than three hours",
        """
        select count(heard.length_ms)
        from generate_series(0, 18) as tens (number)
        left join marts.sessions as heard on least(heard.length_ms / 600000, 18) = tens.number and user_id = %(user)s
        group by tens.number
        order by tens.number""",
    ),
    "streaks": (
        "days of the latest fifty",
        """
        select days
        from (
            select started_on, days
            from marts.streaks
            where user_id = %(user)s
            order by started_on desc
            limit 50
        ) as latest
        order by started_on""",
    ),
    "obsessions": (
        "plays of the latest fifty",
        """
        select plays
        from (
            select started_on, plays
            from marts.obsessions
            where user_id = %(user)s
            order by started_on desc
            limit 50
        ) as latest
        order by started_on""",
    ),
    "track_discoveries": (
        "new tracks by month",
        """
        select count(*)
        from marts.track_periods
        where user_id = %(user)s and period_kind = 'all_time'
        group by date_trunc('month', first_local_date::timestamp)
        order by date_trunc('month', first_local_date::timestamp)""",
    ),
    "artist_discoveries": (
        "new artists by month",
        """
        select count(*)
        from marts.artist_discoveries
        where user_id = %(user)s
        group by date_trunc('month', discovered_on::timestamp)
        order by date_trunc('month', discovered_on::timestamp)""",
    ),
    "track_variety": (
        "different tracks by month",
        """
        select count(*)
        from marts.track_periods
        where user_id = %(user)s and period_kind = 'month'
        group by period_start
        order by period_start""",
    ),
    "period_coverage": (
        "how much of each month is covered",
        """
        select coalesce(100 * covered_share, 0)
        from marts.period_coverage
        where user_id = %(user)s and period_kind = 'month'
        order by period_start""",
    ),
    "coverage": (
        "days of the spans and holes, in their order",
        """
        select extract(day from ends_at - starts_at)
        from marts.coverage
        where user_id = %(user)s
        order by starts_at""",
    ),
    "listener_zones": (
        "plays in each zone, in their order",
        """
        select (
            select count(*)
            from marts.fct_plays as plays
            where
                plays.user_id = zones.user_id
                and plays.played_at >= zones.starts_at
                and plays.played_at < coalesce(zones.ends_at, 'infinity')
        )
        from marts.listener_zones as zones
        where zones.user_id = %(user)s
        order by zones.starts_at""",
    ),
    "exclusion_rules": (
        "rules of each kind",
        """
        select count(*)
        from marts.exclusion_rules
        group by kind
        order by kind""",
    ),
    "exclusion_effects": (
        "streams that each rule leaves out",
        """
        select streams
        from marts.exclusion_effects
        where user_id = %(user)s
        order by rule_id""",
    ),
    "chart_history": (
        "new entries by date",
        """
        select count(*) filter (where entered)
        from marts.chart_history
        group by chart_date
        order by chart_date""",
    ),
    "chart_firsts": (
        "recordings heard before the world, by the year of the chart, then after it",
        """
        select count(*)
        from marts.chart_firsts
        where user_id = %(user)s
        group by days_before_the_world <= 0, date_trunc('year', first_charted_on::timestamp)
        order by days_before_the_world <= 0, date_trunc('year', first_charted_on::timestamp)""",
    ),
    "chart_overlap": (
        "plays on the charts by month",
        """
        select sum(plays_on_chart)
        from marts.chart_overlap
        where user_id = %(user)s
        group by month_start
        order by month_start""",
    ),
    "artist_genres": (
        "artists of the fifty commonest genres",
        """
        select count(*)
        from marts.artist_genres
        group by genre
        order by count(*) desc
        limit 50""",
    ),
    "dim_artists": (
        "artists by popularity, in tens",
        """
        select count(*)
        from marts.dim_artists
        where popularity is not null
        group by popularity / 10
        order by popularity / 10""",
    ),
    "dim_recordings": (
        "recordings with two, three, … tracks",
        """
        select count(*)
        from marts.dim_recordings
        where track_count > 1
        group by track_count
        order by track_count""",
    ),
    "track_recordings": (
        "tracks by what groups them",
        """
        select count(*)
        from marts.track_recordings
        group by grouped_by
        order by grouped_by""",
    ),
    "dim_tracks": (
        "tracks by decade of release",
        """
        select count(*)
        from marts.dim_tracks
        where release_year is not null
        group by release_year / 10
        order by release_year / 10""",
    ),
    "dim_albums": (
        "albums by decade of release",
        """
        select count(*)
        from marts.dim_albums
        where release_year is not null
        group by release_year / 10
        order by release_year / 10""",
    ),
    "reconciliation": (
        "streams by month",
        """
        select matched + api_only + export_only + account_data_only
        from marts.reconciliation
        where user_id = %(user)s
        order by month_start""",
    ),
}
