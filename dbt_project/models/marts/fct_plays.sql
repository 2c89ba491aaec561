{{ config(
    unique_key=['play_id'],
    meta={'scope': 'windows'},
    indexes=[
        {'columns': ['play_id'], 'unique': true},
        {'columns': ['user_id', 'played_at']},
        {'columns': ['user_id', 'local_date']},
        {'columns': ['track_id']},
    ],
) }}

select
    rows_of.play_id,
    rows_of.user_id,
    rows_of.content_type,
    rows_of.track_id,
    rows_of.content_uri,
    rows_of.title,
    rows_of.artist_name,
    rows_of.played_at,
    rows_of.started_at,
    rows_of.ms_played,
    rows_of.source,
    rows_of.is_counted,
    rows_of.local_date,
    rows_of.local_hour,
    rows_of.skipped,
    rows_of.is_completed,
    rows_of.is_skipped,
    rows_of.shuffle,
    rows_of.is_offline as offline,
    rows_of.is_incognito as incognito,
    rows_of.platform,
    rows_of.conn_country,
    rows_of.reason_start,
    rows_of.reason_end,
    rows_of.context_uri,
    rows_of.api_lake_key,
    rows_of.export_lake_key
from {{ ref('int_plays') }} as rows_of
{% if is_incremental() %}
{{ scope_join('windows') }}
{% endif %}
