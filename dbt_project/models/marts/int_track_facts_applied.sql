{{ config(
    schema='intermediate',
    unique_key=['track_id'],
    meta={'scopes': ['tracks']},
    tags=['scope'],
    indexes=[{'columns': ['track_id'], 'unique': true}],
) }}
-- depends_on: {{ ref('scope_tracks') }}
-- Comes last, when everything that uses the facts has taken them in.
-- depends_on: {{ ref('top_tracks') }}
-- depends_on: {{ ref('top_artists') }}

select
    rows_of.track_id,
    rows_of.track_name,
    rows_of.duration_ms,
    rows_of.artist_ids,
    rows_of.artist_names
from {{ ref('int_track_facts') }} as rows_of
{% if is_incremental() %}
{{ scope_join('tracks') }}
{% endif %}
