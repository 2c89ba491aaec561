select
    album_id,
    name as album_name,
    album_type,
    release_date,
    release_date_precision,
    total_tracks,
    image_url,
    label,
    upc
from {{ source('raw', 'albums') }}
