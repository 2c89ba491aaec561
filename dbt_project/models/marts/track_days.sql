{{ config(
    unique_key=['user_id', 'local_date', 'track_key'],
    meta={'scope': 'local_days'},
    indexes=[{'columns': ['user_id', 'local_date', 'track_key'], 'unique': true}],
) }}

with plays as (
    select
        rows_of.*,
        {{ track_key('rows_of.track_id', 'rows_of.content_type', 'rows_of.artist_name', 'rows_of.title') }} as track_key
    from {{ scoped(ref('fct_plays'), 'local_days') }} as rows_of
)

select
    user_id,
    local_date,
    track_key,
    count(*)::integer as streams,
    (count(*) filter (where is_counted))::integer as plays,
    coalesce(sum(ms_played), 0)::bigint as ms_played,
    (count(*) filter (where ms_played is null))::integer as plays_of_unknown_length,
    (count(*) filter (where is_completed))::integer as completed,
    (count(*) filter (where is_skipped))::integer as skipped,
    min(played_at) as first_played_at,
    max(played_at) as last_played_at
from plays
where track_key is not null
group by
    user_id,
    local_date,
    track_key
