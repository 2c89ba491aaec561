{{ config(
    unique_key=['track_id'],
    meta={'scope': 'tracks'},
    indexes=[{'columns': ['track_id'], 'unique': true}],
) }}

with tracks as (
    select rows_of.*
    from {{ scoped(ref('stg_named_tracks'), 'tracks') }} as rows_of
),

-- An artist who is named twice on one track is credited once.
credited as (
    select
        rows_of.track_id,
        rows_of.artist_id,
        min(rows_of.artist_position) as artist_position
    from {{ scoped(ref('stg_track_artists'), 'tracks') }} as rows_of
    group by rows_of.track_id, rows_of.artist_id
),

credits as (
    select
        credited.track_id,
        array_agg(credited.artist_id order by credited.artist_position) as artist_ids,
        array_agg(artists.artist_name order by credited.artist_position) as artist_names
    from credited
    left join {{ ref('stg_artists') }} as artists
        on credited.artist_id = artists.artist_id
    group by credited.track_id
)

select
    tracks.track_id,
    tracks.track_name,
    tracks.duration_ms,
    tracks.isrc,
    tracks.named_album_name,
    tracks.album_artist_name,
    coalesce(credits.artist_ids, '{}') as artist_ids,
    coalesce(credits.artist_names, '{}') as artist_names,
    tracks.is_only_named
from tracks
left join credits
    on tracks.track_id = credits.track_id
