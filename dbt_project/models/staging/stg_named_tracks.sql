select
    tracks.track_id,
    coalesce(tracks.track_name, named.track_name) as track_name,
    tracks.duration_ms,
    tracks.isrc,
    tracks.album_id,
    named.album_name as named_album_name,
    coalesce(
        (
            select artists.artist_name
            from {{ ref('stg_album_artists') }} as album_credits
            inner join {{ ref('stg_artists') }} as artists
                on album_credits.artist_id = artists.artist_id
            where tracks.album_id = album_credits.album_id
            order by album_credits.artist_position
            limit 1
        ),
        (
            select artists.artist_name
            from {{ ref('stg_track_artists') }} as track_credits
            inner join {{ ref('stg_artists') }} as artists
                on track_credits.artist_id = artists.artist_id
            where tracks.track_id = track_credits.track_id
            order by track_credits.artist_position
            limit 1
        ),
        named.album_artist_name
    ) as album_artist_name,
    false as is_only_named
from {{ ref('stg_tracks') }} as tracks
left join {{ ref('stg_export_tracks') }} as named
    on tracks.track_id = named.track_id
union all
select
    named.track_id,
    named.track_name,
    null::integer as duration_ms,
    null::text as isrc,
    null::text as album_id,
    named.album_name as named_album_name,
    named.album_artist_name,
    true as is_only_named
from {{ ref('stg_export_tracks') }} as named
where
    not exists (
        select 1
        from {{ ref('stg_tracks') }} as tracks
        where named.track_id = tracks.track_id
    )
