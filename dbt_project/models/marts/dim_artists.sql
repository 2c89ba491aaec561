{{ config(
    unique_key=['artist_id'],
    meta={'scope': 'artists'},
    indexes=[{'columns': ['artist_id'], 'unique': true}],
) }}

select
    rows_of.artist_id,
    rows_of.artist_name,
    'spotify:artist:' || rows_of.artist_id as content_uri
from {{ ref('stg_artists') }} as rows_of
{% if is_incremental() %}
{{ scope_join('artists') }}
{% endif %}
