{{ config(
    unique_key=['play_id'],
    meta={'scopes': ['days']},
    indexes=[
        {'columns': ['play_id'], 'unique': true},
        {'columns': ['user_id', 'played_at']},
        {'columns': ['user_id', 'local_date']},
        {'columns': ['track_id']},
    ],
) }}
-- depends_on: {{ ref('scope_days') }}

select
    rows_of.play_id,
    rows_of.user_id,
    rows_of.content_type,
    rows_of.track_id,
    rows_of.content_uri,
    rows_of.played_at,
    null::timestamptz as started_at,
    null::integer as ms_played,
    'api' as source,
    true as is_counted,
    rows_of.local_date,
    rows_of.local_hour,
    null::boolean as skipped,
    null::boolean as shuffle,
    null::boolean as offline,
    null::boolean as incognito,
    null::text as platform,
    null::text as conn_country,
    null::text as reason_start,
    null::text as reason_end,
    rows_of.context_uri,
    rows_of.api_lake_key,
    null::text as export_lake_key
from {{ ref('int_plays') }} as rows_of
{% if is_incremental() %}
{{ scope_join('days') }}
{% endif %}
