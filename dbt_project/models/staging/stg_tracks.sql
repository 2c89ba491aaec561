select
    track_id,
    name as track_name,
    duration_ms,
    explicit as is_explicit,
    isrc,
    popularity,
    is_local,
    album_id,
    disc_number,
    track_number
from {{ source('raw', 'tracks') }}
