{{ config(materialized='view') }}

with summed as (
    select * from {{ by_artist(measured_tracks(before=true), before=true) }} as by_artist
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
