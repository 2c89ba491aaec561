select
    album_id,
    position as artist_position,
    artist_id
from {{ source('raw', 'album_artists') }}
