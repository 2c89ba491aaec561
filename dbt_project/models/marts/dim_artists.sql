{{ config(
    unique_key=['artist_id'],
    meta={'scopes': ['artists']},
    indexes=[{'columns': ['artist_id'], 'unique': true}],
) }}
-- depends_on: {{ ref('scope_artists') }}

select
    rows_of.artist_id,
    rows_of.artist_name,
    'spotify:artist:' || rows_of.artist_id as content_uri
from {{ ref('stg_artists') }} as rows_of
{% if is_incremental() %}
{{ scope_join('artists') }}
{% endif %}
