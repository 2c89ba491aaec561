{{ config(
    unique_key=['album_id'],
    meta={'scope': 'albums', 'heard': 'albums'},
    indexes=[{'columns': ['album_id'], 'unique': true}],
) }}

select
    albums.album_id,
    albums.album_name,
    credits.artist_ids,
    credits.artist_names,
    albums.album_type,
    albums.release_date,
    albums.release_date_precision,
    substring(albums.release_date from '^[0-9]{4}')::integer as release_year,
    albums.total_tracks,
    albums.label,
    albums.upc,
    albums.image_url
from {{ scoped(ref('stg_albums'), 'albums') }} as albums
left join lateral (
    select
        array_agg(credited.artist_id order by credited.artist_position) as artist_ids,
        array_agg(artists.artist_name order by credited.artist_position) as artist_names
    from {{ ref('stg_album_artists') }} as credited
    left join {{ ref('stg_artists') }} as artists
        on credited.artist_id = artists.artist_id
    where albums.album_id = credited.album_id
) as credits on true
