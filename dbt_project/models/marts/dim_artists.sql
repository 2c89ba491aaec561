{{ config(
    unique_key=['artist_id'],
    meta={'scope': 'artists'},
    indexes=[{'columns': ['artist_id'], 'unique': true}],
) }}

select
    rows_of.artist_id,
    rows_of.artist_name,
    'spotify:artist:' || rows_of.artist_id as content_uri
from {{ scoped(ref('stg_artists'), 'artists') }} as rows_of
