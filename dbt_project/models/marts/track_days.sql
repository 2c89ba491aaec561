{{ config(
    unique_key=['user_id', 'local_date', 'track_key'],
    meta={'scope': 'local_days'},
    indexes=[
        {'columns': ['user_id', 'local_date', 'track_key'], 'unique': true},
        {'columns': ['user_id', 'next_local_date']},
        {'columns': ['user_id', 'track_key', 'local_date']},
    ],
) }}

with plays as (
    select
        rows_of.*,
        {{ track_key('rows_of.track_id', 'rows_of.content_type', 'rows_of.artist_name', 'rows_of.title') }} as track_key
    from {{ scoped(ref('fct_plays'), 'local_days') }} as rows_of
    where not rows_of.is_excluded
)

select
    user_id,
    local_date,
    local_date + 1 as next_local_date,
    track_key,
    {{ measures_of_plays() }},
    local_date as first_local_date,
    local_date as last_local_date,
    1 as days
from plays
where track_key is not null
group by
    user_id,
    local_date,
    track_key
