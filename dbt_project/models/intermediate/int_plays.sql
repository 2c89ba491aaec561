{{ config(
    unique_key=['user_id', 'played_at', 'track_key'],
    meta={'scopes': ['days']},
    indexes=[
        {'columns': ['user_id', 'played_at', 'track_key'], 'unique': true},
        {'columns': ['play_id'], 'unique': true},
        {'columns': ['user_id', 'local_date']},
    ],
) }}
-- depends_on: {{ ref('scope_days') }}

with plays as (
    select
        rows_of.user_id,
        rows_of.played_at,
        rows_of.track_key,
        rows_of.track_key like 'spotify:%' as is_uri,
        rows_of.context_type,
        rows_of.context_uri,
        rows_of.api_lake_key
    from {{ ref('stg_plays') }} as rows_of
    {% if is_incremental() %}
    {{ scope_join('days') }}
    {% endif %}
),

localized as (
    select
        plays.user_id,
        plays.played_at,
        plays.track_key,
        plays.is_uri,
        plays.context_type,
        plays.context_uri,
        plays.api_lake_key,
        plays.played_at at time zone coalesce(zones.time_zone, 'UTC') as played_at_local
    from plays
    left join {{ ref('stg_listener_time_zones') }} as zones
        on
            plays.user_id = zones.user_id
            and plays.played_at >= zones.starts_at
            and plays.played_at < zones.ends_at
)

select
    md5(
        user_id || '|' || (extract(epoch from played_at) * 1000)::bigint::text || '|' || track_key
    ) as play_id,
    user_id,
    played_at,
    track_key,
    case when is_uri then 'unknown' else 'track' end as content_type,
    case when not is_uri then track_key end as track_id,
    case when is_uri then track_key else 'spotify:track:' || track_key end as content_uri,
    played_at_local::date as local_date,
    extract(hour from played_at_local)::integer as local_hour,
    context_type,
    context_uri,
    api_lake_key
from localized
