{{ config(materialized='view') }}

with summed as (
    select * from {{ by_album(measured_tracks(before=true), before=true) }} as by_album
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
