select
    artist_id,
    source,
    genre,
    votes,
    licence
from {{ source('raw', 'artist_genres') }}
