{{ config(materialized='view') }}

-- An album that only exports name is known by its artist and title, behind the word `name`.
with collected as (
    select
        measured.*,
        coalesce(
            tracks.album_id, 'name' || chr(31) || coalesce(tracks.main_artist_name, '') || chr(31) || tracks.album_name
        ) as album_key
    from {{ measured_periods(before=true) }} as measured
    inner join {{ ref('dim_tracks') }} as tracks
        on measured.track_key = tracks.track_id
),

summed as (
    select
        user_id,
        period_kind,
        period_start,
        album_key,
        count(*) filter (where is_current)::integer as tracks,
        {{ summed_with_before() }}
    from collected
    where album_key is not null
    group by
        user_id,
        period_kind,
        period_start,
        album_key
),

{{ ranked() }}

select
    ranked.user_id,
    ranked.period_kind,
    ranked.period_start,
    ranked.rank,
    ranked.album_key,
    albums.album_id,
    coalesce(albums.album_name, nullif(split_part(ranked.album_key, chr(31), 3), '')) as album_name,
    coalesce(albums.artist_names[1], nullif(split_part(ranked.album_key, chr(31), 2), '')) as main_artist_name,
    ranked.tracks,
    {{ standing() }}
from ranked
left join {{ ref('dim_albums') }} as albums
    on ranked.album_key = albums.album_id
where ranked.streams > 0
