{{ config(materialized='view') }}

-- Spotify's own genres where it gives any; all of them weigh the same. MusicBrainz' weigh as much as they have votes.
with chosen as (
    select
        genres.artist_id,
        genres.source,
        genres.genre,
        genres.votes,
        genres.licence
    from {{ ref('stg_artist_genres') }} as genres
    where
        genres.source = 'spotify'
        or not exists (
            select 1
            from {{ ref('stg_artist_genres') }} as own
            where genres.artist_id = own.artist_id and own.source = 'spotify'
        )
)

select
    artist_id,
    genre,
    source,
    votes,
    (coalesce(votes, 1)::numeric / sum(coalesce(votes, 1)) over (partition by artist_id))::numeric(9, 8) as weight,
    licence
from chosen
