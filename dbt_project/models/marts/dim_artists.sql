{{ config(
    unique_key=['artist_id'],
    meta={'scope': 'artists', 'heard': 'artists'},
    indexes=[{'columns': ['artist_id'], 'unique': true}, {'columns': ['artist_name']}],
) }}

with artists as (
    select rows_of.*
    from {{ scoped(ref('stg_artists'), 'artists') }} as rows_of
),

genres as (
    select
        rows_of.artist_id,
        array_agg(rows_of.genre order by rows_of.weight desc, rows_of.genre asc) as genres,
        min(rows_of.source) as genres_source
    from {{ scoped(ref('artist_genres'), 'artists') }} as rows_of
    group by rows_of.artist_id
)

select
    artists.artist_id,
    artists.artist_name,
    'spotify:artist:' || artists.artist_id as content_uri,
    artists.image_url,
    artists.popularity,
    artists.followers,
    genres.genres,
    genres.genres_source
from artists
left join genres
    on artists.artist_id = genres.artist_id
