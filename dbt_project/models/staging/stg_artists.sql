select
    artist_id,
    name as artist_name
from {{ source('raw', 'artists') }}
