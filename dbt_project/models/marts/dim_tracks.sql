{{ config(
    unique_key=['track_id'],
    meta={'scope': 'tracks', 'heard': 'tracks'},
    indexes=[
        {'columns': ['track_id'], 'unique': true},
        {'columns': ['main_artist_id']},
    ],
) }}

with facts as (
    select rows_of.*
    from {{ scoped(ref('int_track_facts'), 'tracks') }} as rows_of
)

select
    facts.track_id,
    case
        when facts.track_id like 'spotify:%' then facts.track_id
        else 'spotify:track:' || facts.track_id
    end as content_uri,
    facts.track_name,
    facts.artist_ids[1] as main_artist_id,
    -- Of a track that only exports name, the album's artist is all that is known.
    coalesce(facts.artist_names[1], facts.album_artist_name) as main_artist_name,
    nullif(facts.artist_ids, '{}') as artist_ids,
    nullif(facts.artist_names, '{}') as artist_names,
    tracks.album_id,
    coalesce(albums.album_name, facts.named_album_name) as album_name,
    albums.album_type,
    albums.release_date,
    albums.release_date_precision,
    substring(albums.release_date from '^[0-9]{4}')::integer as release_year,
    facts.duration_ms,
    facts.isrc,
    tracks.is_explicit,
    tracks.is_local,
    tracks.disc_number,
    tracks.track_number,
    tracks.popularity,
    facts.is_only_named
from facts
left join {{ ref('stg_tracks') }} as tracks
    on facts.track_id = tracks.track_id
left join {{ ref('stg_albums') }} as albums
    on tracks.album_id = albums.album_id
