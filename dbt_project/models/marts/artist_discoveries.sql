{{ config(materialized='view') }}

with heard as (
    select
        *,
        max(last_local_date) over (partition by user_id) as listener_until
    from {{ ref('top_artists') }}
    where period_kind = 'all_time'
)

select
    user_id,
    artist_key,
    artist_id,
    artist_name,
    first_local_date as discovered_on,
    last_local_date as last_heard_on,
    tracks,
    plays,
    streams,
    ms_listened,
    {{ has_stayed('heard') }} as has_stayed
from heard
