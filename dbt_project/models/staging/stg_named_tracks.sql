select
    tracks.track_id,
    coalesce(tracks.track_name, named.track_name) as track_name,
    tracks.duration_ms,
    tracks.isrc,
    named.album_name as named_album_name,
    coalesce(
        {% for credits, id in [('stg_album_artists', 'album_id'), ('stg_track_artists', 'track_id')] -%}
        (
            select artists.artist_name
            from {{ ref(credits) }} as credits
            inner join {{ ref('stg_artists') }} as artists
                on credits.artist_id = artists.artist_id
            where tracks.{{ id }} = credits.{{ id }}
            order by credits.artist_position
            limit 1
        ),
        {% endfor -%}
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
