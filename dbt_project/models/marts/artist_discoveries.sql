{{ config(materialized='view') }}

with heard as (
    select
        *,
        max(last_local_date) over (partition by user_id) as listener_until
    from {{ ref('top_artists') }}
    where period_kind = 'all_time'
)

select
    heard.user_id,
    heard.artist_key,
    heard.artist_id,
    heard.artist_name,
    heard.first_local_date as discovered_on,
    heard.last_local_date as last_heard_on,
    heard.tracks,
    heard.plays,
    heard.streams,
    heard.ms_listened,
    {{ has_stayed('heard') }} as has_stayed
from heard
