{{ config(materialized='view') }}

with credited as (
    select
        measured.*,
        coalesce(
            credits.artist_id,
            -- Of a name that several artists bear nothing can be concluded.
            (
                select min(named.artist_id)
                from {{ ref('dim_artists') }} as named
                where named.artist_name = {{ named_artist('tracks', 'measured') }}
                having count(*) = 1
            ),
            'name' || chr(31) || {{ named_artist('tracks', 'measured') }}
        ) as artist_key
    from {{ measured_periods(before=true) }} as measured
    left join {{ ref('dim_tracks') }} as tracks
        on measured.track_key = tracks.track_id
    left join lateral unnest(tracks.artist_ids) as credits (artist_id) on true
),

summed as (
    select
        user_id,
        period_kind,
        period_start,
        artist_key,
        count(*) filter (where is_current)::integer as tracks,
        {{ summed_with_before() }}
    from credited
    where artist_key is not null
    group by
        user_id,
        period_kind,
        period_start,
        artist_key
),

{{ ranked() }}

select
    ranked.user_id,
    ranked.period_kind,
    ranked.period_start,
    ranked.rank,
    ranked.artist_key,
    artists.artist_id,
    coalesce(artists.artist_name, nullif(split_part(ranked.artist_key, chr(31), 2), '')) as artist_name,
    ranked.tracks,
    {{ standing() }}
from ranked
left join {{ ref('dim_artists') }} as artists
    on ranked.artist_key = artists.artist_id
where ranked.streams > 0
