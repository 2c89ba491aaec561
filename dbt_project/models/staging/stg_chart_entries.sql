select
    source,
    chart,
    chart_date,
    position,
    date_is_fetch_day,
    coalesce(track_id, source || ':' || source_id) as entry_key,
    track_id,
    title,
    artists,
    streams
from {{ source('raw', 'chart_entries') }}
