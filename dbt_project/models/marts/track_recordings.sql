{{ config(materialized='view') }}

with tracks as (
    select
        tracks.track_id,
        tracks.duration_ms,
        case
            when upper(replace(tracks.isrc, '-', '')) ~ '^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$'
                then upper(replace(tracks.isrc, '-', ''))
        end as isrc,
        -- Only the artist credited first: who else is named differs between the releases of one recording.
        {{ recording_title('tracks.track_name') }} || chr(31)
        || {{ normalized('tracks.main_artist_name') }} as name_key
    from {{ ref('dim_tracks') }} as tracks
),

measured as (
    select
        track_id,
        duration_ms,
        isrc,
        name_key,
        duration_ms - lag(duration_ms) over (partition by name_key order by duration_ms) > 2000 as begins_group
    from tracks
    where name_key is not null and duration_ms is not null
),

-- Tracks of one title and artist whose lengths follow each other without a gap of more than two seconds.
grouped as (
    select
        track_id,
        duration_ms,
        isrc,
        name_key,
        count(*) filter (where begins_group) over (partition by name_key order by duration_ms) as group_number
    from measured
),

-- Where a group knows just one ISRC, that is what its other tracks are, too.
groups as (
    select
        name_key,
        group_number,
        case
            when min(isrc) = max(isrc) then 'isrc:' || min(isrc)
            else 'name:' || md5(name_key || chr(31) || min(duration_ms)::text)
        end as recording_id
    from grouped
    group by name_key, group_number
),

found as (
    select
        tracks.track_id,
        tracks.isrc,
        tracks.name_key,
        coalesce('isrc:' || tracks.isrc, groups.recording_id) as recording_id
    from tracks
    left join grouped
        on tracks.track_id = grouped.track_id
    left join groups
        on
            grouped.name_key = groups.name_key
            and grouped.group_number = groups.group_number
),

-- A track of unknown length is the only recording of its title and artist, where there is just one.
fitting as (
    select
        name_key,
        min(recording_id) as recording_id
    from found
    where name_key is not null and recording_id is not null
    group by name_key
    having min(recording_id) = max(recording_id)
)

select
    found.track_id,
    coalesce(
        corrections.recording_id, found.recording_id, fitting.recording_id, 'track:' || found.track_id
    ) as recording_id,
    case
        when corrections.recording_id is not null then 'correction'
        when found.isrc is not null then 'isrc'
        when found.recording_id is not null or fitting.recording_id is not null then 'name'
        else 'alone'
    end as grouped_by
from found
left join fitting
    on found.name_key = fitting.name_key
left join {{ ref('recording_corrections') }} as corrections
    on found.track_id = corrections.track_id
