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

{#- Days and longer periods by artist; with `before`, what they had in the period before beside it. -#}
{% macro by_artist(before=false) -%}
    (
        select
            user_id,
            period_kind,
            period_start,
            artist_key,
            {{ _tracks_and_sums(before) }}
        from (
            select
                measured.*,
                coalesce(
                    credits.artist_id,
                    named.artist_id,
                    'name' || chr(31) || {{ named_artist('tracks', 'measured') }}
                ) as artist_key
            from {{ measured_periods(before) }} as measured
            left join {{ ref('dim_tracks') }} as tracks
                on measured.track_key = tracks.track_id
            left join lateral unnest(tracks.artist_ids) as credits (artist_id) on true
            -- Of a name that several artists bear nothing can be concluded.
            left join (
                select
                    artist_name,
                    min(artist_id) as artist_id
                from {{ ref('dim_artists') }}
                group by artist_name
                having count(*) = 1
            ) as named
                on credits.artist_id is null and {{ named_artist('tracks', 'measured') }} = named.artist_name
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
{% macro by_album(before=false) -%}
    (
        select
            user_id,
            period_kind,
            period_start,
            album_key,
            {{ _tracks_and_sums(before) }}
        from (
            select
                measured.*,
                coalesce(
                    tracks.album_id,
                    'name' || chr(31) || coalesce(tracks.main_artist_name, '') || chr(31) || tracks.album_name
                ) as album_key
            from {{ measured_periods(before) }} as measured
            inner join {{ ref('dim_tracks') }} as tracks
                on measured.track_key = tracks.track_id
        ) as collected
        where album_key is not null
        group by
            user_id,
            period_kind,
            period_start,
            album_key
    )
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
