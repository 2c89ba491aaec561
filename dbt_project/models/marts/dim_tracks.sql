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
),

credits as (
    select
        tracks.track_id,
        array_agg(track_artists.artist_id order by track_artists.artist_position) as artist_ids,
        array_agg(artists.artist_name order by track_artists.artist_position) as artist_names
    from tracks
    inner join {{ ref('stg_track_artists') }} as track_artists
        on tracks.track_id = track_artists.track_id
    left join {{ ref('stg_artists') }} as artists
        on track_artists.artist_id = artists.artist_id
    group by tracks.track_id
)

select
    tracks.track_id,
    case
        when tracks.track_id like 'spotify:%' then tracks.track_id
        else 'spotify:track:' || tracks.track_id
    end as content_uri,
    tracks.track_name,
    credits.artist_ids[1] as main_artist_id,
    credits.artist_names[1] as main_artist_name,
    credits.artist_ids,
    credits.artist_names,
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
left join credits
    on tracks.track_id = credits.track_id
left join {{ ref('stg_albums') }} as albums
    on tracks.album_id = albums.album_id
