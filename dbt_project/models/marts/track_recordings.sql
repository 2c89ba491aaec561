{{ config(materialized='view') }}

with tracks as (
    select
        tracks.track_id,
        tracks.duration_ms,
        case
            when upper(replace(tracks.isrc, '-', '')) ~ '^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$'
                then upper(replace(tracks.isrc, '-', ''))
        end as isrc,
        {{ recording_title('tracks.track_name') }} || chr(31)
        || {{ normalized('tracks.main_artist_name') }} as name_key
    from {{ ref('dim_tracks') }} as tracks
),

by_isrc as (
    select
        isrc,
        name_key,
        min(duration_ms) as shortest_ms,
        max(duration_ms) as longest_ms
    from tracks
    where isrc is not null and name_key is not null
    group by isrc, name_key
),

-- A track that bears no ISRC is a recording that does, where just one fits title, artist and, as far as known, length.
fitting as (
    select
        tracks.track_id,
        min(by_isrc.isrc) as isrc
    from tracks
    inner join by_isrc
        on tracks.name_key = by_isrc.name_key
    where
        tracks.isrc is null
        and (
            tracks.duration_ms is null
            or tracks.duration_ms between by_isrc.shortest_ms - 2000 and by_isrc.longest_ms + 2000
        )
    group by tracks.track_id
    having count(*) = 1
)

select
    tracks.track_id,
    case
        when corrections.recording_id is not null then corrections.recording_id
        when tracks.isrc is not null then 'isrc:' || tracks.isrc
        when fitting.isrc is not null then 'isrc:' || fitting.isrc
        when tracks.name_key is not null
            then 'name:' || md5(tracks.name_key || chr(31) || coalesce((tracks.duration_ms / 2000)::text, ''))
        else 'track:' || tracks.track_id
    end as recording_id,
    case
        when corrections.recording_id is not null then 'correction'
        when tracks.isrc is not null then 'isrc'
        when fitting.isrc is not null or tracks.name_key is not null then 'name'
        else 'alone'
    end as grouped_by
from tracks
left join fitting
    on tracks.track_id = fitting.track_id
left join {{ ref('recording_corrections') }} as corrections
    on tracks.track_id = corrections.track_id
