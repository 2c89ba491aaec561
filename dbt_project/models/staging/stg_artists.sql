select
    artist_id,
    name as artist_name,
    image_url,
    popularity,
    followers
from {{ source('raw', 'artists') }}
