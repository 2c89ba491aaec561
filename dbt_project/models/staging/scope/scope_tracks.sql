with changed as (
    select
        ids.kind,
        ids.id
    from {{ source('ops', 'changed_ids') }} as ids
    inner join {{ ref('current_build') }} as build
        on
            ids.version > build.from_version
            and ids.version <= build.to_version
)

select changed.id as track_id
from changed
where changed.kind = 'track'
union
select tracks.track_id
from {{ ref('stg_tracks') }} as tracks
inner join changed
    on
        tracks.album_id = changed.id
        and changed.kind = 'album'
union
select credits.track_id
from {{ ref('stg_track_artists') }} as credits
inner join changed
    on
        credits.artist_id = changed.id
        and changed.kind = 'artist'
