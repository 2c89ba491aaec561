{{ config(
    unique_key=['track_id'],
    meta={'scopes': ['tracks']},
    indexes=[{'columns': ['track_id'], 'unique': true}],
) }}
-- depends_on: {{ ref('scope_tracks') }}

with tracks as (
    select
        rows_of.track_id,
        rows_of.track_name,
        rows_of.duration_ms
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
    tracks.track_name,
    tracks.duration_ms,
    coalesce(credits.artist_ids, '{}') as artist_ids,
    coalesce(credits.artist_names, '{}') as artist_names
from tracks
left join credits
    on tracks.track_id = credits.track_id
