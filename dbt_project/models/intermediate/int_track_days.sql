{{ config(
    unique_key=['user_id', 'local_date', 'track_id'],
    meta={'scopes': ['local_days']},
    indexes=[{'columns': ['user_id', 'local_date', 'track_id'], 'unique': true}],
) }}
-- depends_on: {{ ref('scope_local_days') }}

select
    rows_of.user_id,
    rows_of.local_date,
    rows_of.track_id,
    count(*)::integer as plays,
    min(rows_of.played_at) as first_played_at,
    max(rows_of.played_at) as last_played_at
from {{ ref('int_plays') }} as rows_of
{% if is_incremental() %}
{{ scope_join('local_days') }}
{% endif %}
where rows_of.track_id is not null
group by
    rows_of.user_id,
    rows_of.local_date,
    rows_of.track_id
