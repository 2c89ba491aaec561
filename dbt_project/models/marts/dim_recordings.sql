{{ config(materialized='view') }}

-- Of a recording's tracks, the one that came out first says what it is called.
with members as (
    select
        recordings.recording_id,
        recordings.grouped_by,
        tracks.track_id,
        tracks.track_name,
        tracks.main_artist_id,
        tracks.main_artist_name,
        tracks.duration_ms,
        tracks.release_year,
        tracks.isrc,
        row_number() over (
            partition by recordings.recording_id
            order by tracks.is_only_named asc, tracks.release_date asc nulls last, tracks.track_id asc
        ) as place
    from {{ ref('track_recordings') }} as recordings
    inner join {{ ref('dim_tracks') }} as tracks
        on recordings.track_id = tracks.track_id
)

select
    recording_id,
    max(track_name) filter (where place = 1) as title,
    max(main_artist_id) filter (where place = 1) as main_artist_id,
    max(main_artist_name) filter (where place = 1) as main_artist_name,
    max(duration_ms) filter (where place = 1) as duration_ms,
    min(release_year) as first_release_year,
    count(*)::integer as track_count,
    array_agg(track_id order by place) as track_ids,
    array_agg(distinct isrc) filter (where isrc is not null) as isrcs,
    array_agg(distinct grouped_by order by grouped_by) as grouped_by
from members
group by recording_id
