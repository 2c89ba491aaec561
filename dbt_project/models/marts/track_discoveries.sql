{{ config(materialized='view') }}

with heard as (
    select
        *,
        -- Whether there was time enough to know is told by the listener's last day.
        max(last_local_date) over (partition by user_id) as listener_until
    from {{ ref('track_periods') }}
    where period_kind = 'all_time'
)

select
    heard.user_id,
    heard.track_key,
    tracks.track_id,
    coalesce(tracks.track_name, nullif(split_part(heard.track_key, chr(31), 3), '')) as track_name,
    {{ named_artist('tracks', 'heard') }} as main_artist_name,
    heard.first_local_date as discovered_on,
    heard.last_local_date as last_heard_on,
    heard.days,
    heard.plays,
    heard.streams,
    heard.ms_listened,
    {{ has_stayed('heard') }} as has_stayed
from heard
left join {{ ref('dim_tracks') }} as tracks
    on heard.track_key = tracks.track_id
