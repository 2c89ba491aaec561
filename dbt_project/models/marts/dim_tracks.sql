{{ config(
    unique_key=['track_id'],
    meta={'scopes': ['tracks']},
    indexes=[
        {'columns': ['track_id'], 'unique': true},
        {'columns': ['main_artist_id']},
    ],
) }}
-- depends_on: {{ ref('scope_tracks') }}

with tracks as (
    select
        rows_of.track_id,
        rows_of.track_name,
        rows_of.duration_ms,
        rows_of.is_explicit,
        rows_of.isrc,
        rows_of.popularity,
        rows_of.is_local,
        rows_of.album_id,
        rows_of.disc_number,
        rows_of.track_number
    from {{ ref('stg_tracks') }} as rows_of
    {% if is_incremental() %}
    {{ scope_join('tracks') }}
    {% endif %}
)

select
    tracks.track_id,
    case
        when tracks.track_id like 'spotify:%' then tracks.track_id
        else 'spotify:track:' || tracks.track_id
    end as content_uri,
    tracks.track_name,
    facts.artist_ids[1] as main_artist_id,
    facts.artist_names[1] as main_artist_name,
    nullif(facts.artist_ids, '{}') as artist_ids,
    nullif(facts.artist_names, '{}') as artist_names,
    tracks.album_id,
    albums.album_name,
    albums.album_type,
    albums.release_date,
    albums.release_date_precision,
    substring(albums.release_date from '^[0-9]{4}')::integer as release_year,
    tracks.duration_ms,
    tracks.isrc,
    tracks.is_explicit,
    tracks.is_local,
    tracks.disc_number,
    tracks.track_number,
    tracks.popularity
from tracks
left join {{ ref('int_track_facts') }} as facts
    on tracks.track_id = facts.track_id
left join {{ ref('stg_albums') }} as albums
    on tracks.album_id = albums.album_id
