select
    track_id,
    position as artist_position,
    artist_id
from {{ source('raw', 'track_artists') }}
