{#-
  Days and longer periods alike: what a listener had of a track. With `before`, once more under the period that follows, with
  is_current false: so a period and the one before it are found together, each by its index.
-#}
{% macro measured_periods(before=false) -%}
    (
        {% for model_name, kind, start in [
            ('track_days', "'day'", 'local_date'), ('track_periods', 'period_kind', 'period_start')
        ] -%}
        select
            user_id,
            {{ kind }} as period_kind,
            {{ start }} as period_start,
            {%- if before %}
            true as is_current,
            {%- endif %}
            track_key,
            {{ measures() }}
        from {{ ref(model_name) }}
        {% if before -%}
        union all
        select
            user_id,
            {{ kind }} as period_kind,
            next_{{ start }} as period_start,
            false as is_current,
            track_key,
            {{ measures() }}
        from {{ ref(model_name) }}
        where next_{{ start }} is not null
        {% endif -%}
        {% if not loop.last %}union all{% endif %}
        {% endfor %}
    )
{%- endmacro %}

{#-
  The CTE `ranked`: of `summed`, one row a listener, period and key with the measures of the period and, as plays_before and
  ms_before, those of the one before (null where the key has none there), what stood in the period, and where.
-#}
{% macro ranked() -%}
    ranked as (
        select
            summed.*,
            (rank() over (period order by summed.plays desc))::integer as rank,
            (rank() over (period order by summed.ms_listened desc))::integer as rank_by_time,
            (rank() over (period order by summed.plays_before desc nulls last))::integer as rank_before,
            (summed.plays::numeric / nullif(sum(summed.plays) over period, 0))::numeric(7, 6) as share_of_plays,
            (summed.ms_listened / nullif(sum(summed.ms_listened) over period, 0))::numeric(7, 6) as share_of_time
        from summed
        window period as (partition by summed.user_id, summed.period_kind, summed.period_start)
    )
{%- endmacro %}

{#- What `ranked` needs of rows that `measured_periods(before=true)` gives: sums of the period, and of the one before it. -#}
{% macro summed_with_before() -%}
        coalesce(sum(streams) filter (where is_current), 0)::integer as streams,
        coalesce(sum(plays) filter (where is_current), 0)::integer as plays,
        coalesce(sum(ms_listened) filter (where is_current), 0)::bigint as ms_listened,
        coalesce(sum(ms_estimated) filter (where is_current), 0)::bigint as ms_estimated,
        coalesce(sum(completed) filter (where is_current), 0)::integer as completed,
        coalesce(sum(skipped) filter (where is_current), 0)::integer as skipped,
        coalesce(sum(ends_known) filter (where is_current), 0)::integer as ends_known,
        min(first_played_at) filter (where is_current) as first_played_at,
        max(last_played_at) filter (where is_current) as last_played_at,
        min(first_local_date) filter (where is_current) as first_local_date,
        max(last_local_date) filter (where is_current) as last_local_date,
        (sum(plays) filter (where not is_current))::integer as plays_before,
        (sum(ms_listened) filter (where not is_current))::bigint as ms_before
{%- endmacro %}

{#- The same with what is known of each track. -#}
{% macro measured_tracks(before=false) -%}
    (
        select
            measured.*,
            {{ known_of_a_track('tracks', 'measured') }}
        from {{ measured_periods(before) }} as measured
        left join {{ ref('dim_tracks') }} as tracks
            on measured.track_key = tracks.track_id
    )
{%- endmacro %}

{% macro known_of_a_track(tracks, measured) -%}
    {{ named_track(tracks, measured) }},
    {{ tracks }}.artist_ids,
    {{ tracks }}.main_artist_id,
    {{ tracks }}.album_id,
    {{ tracks }}.album_name
{%- endmacro %}

{#- What `heard`, rows like those of `measured_tracks`, has by artist; with `before`, of the period before beside it. -#}
{% macro by_artist(heard, before=false) -%}
    (
        select
            user_id,
            period_kind,
            period_start,
            artist_key,
            {{ _tracks_and_sums(before) }}
        from (
            select
                heard.*,
                coalesce(credits.artist_id, named.artist_id, 'name' || chr(31) || heard.main_artist_name) as artist_key
            from {{ heard }} as heard
            left join lateral unnest(heard.artist_ids) as credits (artist_id) on true
            -- Of a name that several artists bear nothing can be concluded.
            left join (
                select
                    artist_name,
                    min(artist_id) as artist_id
                from {{ ref('dim_artists') }}
                group by artist_name
                having count(*) = 1
            ) as named
                on credits.artist_id is null and heard.main_artist_name = named.artist_name
        ) as credited
        where artist_key is not null
        group by
            user_id,
            period_kind,
            period_start,
            artist_key
    )
{%- endmacro %}

{#- The same by album. One that only exports name is known by its artist and title, behind the word `name`. -#}
{% macro by_album(heard, before=false) -%}
    (
        select
            user_id,
            period_kind,
            period_start,
            album_key,
            {{ _tracks_and_sums(before) }}
        from (
            select
                heard.*,
                coalesce(
                    heard.album_id,
                    'name' || chr(31) || coalesce(heard.main_artist_name, '') || chr(31) || heard.album_name
                ) as album_key
            from {{ heard }} as heard
        ) as collected
        where album_key is not null
        group by
            user_id,
            period_kind,
            period_start,
            album_key
    )
{%- endmacro %}

{#-
  The same by genre. A play counts once: it is shared out among the genres of the artist credited first, by their weight.
-#}
{% macro by_genre(heard, before=false) -%}
    (
        select
            user_id,
            period_kind,
            period_start,
            genre,
            {% if before -%}
            coalesce(sum(plays) filter (where is_current), 0)::numeric(14, 2) as plays,
            coalesce(sum(ms_listened) filter (where is_current), 0)::bigint as ms_listened,
            (sum(plays) filter (where not is_current))::numeric(14, 2) as plays_before,
            count(distinct main_artist) filter (where is_current)::integer as artists,
            bool_or(is_current) as is_current
            {%- else -%}
            sum(plays)::numeric(14, 2) as plays,
            coalesce(sum(ms_listened), 0)::bigint as ms_listened
            {%- endif %}
        from (
            select
                heard.user_id,
                heard.period_kind,
                heard.period_start,
                {% if before -%}
                heard.is_current,
                coalesce(heard.main_artist_id, heard.main_artist_name) as main_artist,
                {% endif -%}
                coalesce(genres.genre, 'unknown') as genre,
                heard.plays * coalesce(genres.weight, 1) as plays,
                heard.ms_listened * coalesce(genres.weight, 1) as ms_listened
            from {{ heard }} as heard
            left join {{ ref('artist_genres') }} as genres
                on heard.main_artist_id = genres.artist_id
        ) as shared
        group by
            user_id,
            period_kind,
            period_start,
            genre
    )
{%- endmacro %}

{#- How varied and how new the tracks of a period were; `is_new` is whether one was never heard before it. -#}
{% macro variety(heard, is_new) -%}
    count(*)::integer as tracks,
    (count(*) filter (where {{ heard }}.plays > 0))::integer as tracks_played,
    sum({{ heard }}.plays)::integer as plays,
    {{ share(
        'sum(' ~ heard ~ '.plays) - count(*) filter (where ' ~ heard ~ '.plays > 0)',
        'sum(' ~ heard ~ '.plays)'
    ) }} as repeat_rate,
    -- The inverse Simpson index: so many tracks, all played equally often, would be as varied.
    (
        sum({{ heard }}.plays)::numeric * sum({{ heard }}.plays)
        / nullif(sum({{ heard }}.plays::bigint * {{ heard }}.plays), 0)
    )::numeric(12, 2) as diversity,
    (count(*) filter (where {{ is_new }}))::integer as new_tracks,
    coalesce(sum({{ heard }}.plays) filter (where {{ is_new }}), 0)::integer as plays_of_new_tracks,
    {{ share(
        'coalesce(sum(' ~ heard ~ '.plays) filter (where ' ~ is_new ~ '), 0)',
        'sum(' ~ heard ~ '.plays)'
    ) }} as share_of_new_tracks
{%- endmacro %}

{% macro _tracks_and_sums(before) -%}
    {% if before -%}
            count(*) filter (where is_current)::integer as tracks,
            {{ summed_with_before() }}
    {%- else -%}
            sum(streams)::integer as streams,
            sum(plays)::integer as plays,
            sum(ms_listened)::bigint as ms_listened,
            min(first_local_date) as first_local_date
    {%- endif %}
{%- endmacro %}

{#- The columns that all tops have behind their names. -#}
{% macro standing() -%}
    ranked.rank_by_time,
    case when ranked.plays_before is not null then ranked.rank_before end as previous_rank,
    case when ranked.plays_before is not null then ranked.rank_before - ranked.rank end as change,
    ranked.plays,
    ranked.streams,
    ranked.share_of_plays,
    ranked.completed,
    ranked.skipped,
    ranked.ends_known,
    ranked.ms_listened,
    ranked.ms_estimated,
    ranked.share_of_time,
    ranked.plays_before,
    ranked.ms_before,
    ranked.first_played_at,
    ranked.last_played_at,
    ranked.first_local_date,
    ranked.last_local_date
{%- endmacro %}
