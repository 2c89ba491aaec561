select
    track_id,
    track_name,
    album_artist_name,
    album_name
from {{ source('raw', 'export_tracks') }}
