{{ config(
    unique_key=['track_id'],
    meta={'scope': 'tracks'},
    indexes=[{'columns': ['track_id'], 'unique': true}],
) }}

with described as (
    select
        rows_of.track_id,
        coalesce(rows_of.track_name, named.track_name) as track_name,
        rows_of.duration_ms,
        rows_of.isrc,
        named.album_name as named_album_name,
        -- The album's first artist, else the track's.
        coalesce(
            (
                select artists.artist_name
                from {{ ref('stg_album_artists') }} as album_credits
                inner join {{ ref('stg_artists') }} as artists
                    on album_credits.artist_id = artists.artist_id
                where rows_of.album_id = album_credits.album_id
                order by album_credits.artist_position
                limit 1
            ),
            (
                select artists.artist_name
                from {{ ref('stg_track_artists') }} as track_credits
                inner join {{ ref('stg_artists') }} as artists
                    on track_credits.artist_id = artists.artist_id
                where rows_of.track_id = track_credits.track_id
                order by track_credits.artist_position
                limit 1
            ),
            named.album_artist_name
        ) as album_artist_name,
        false as is_only_named
    from {{ ref('stg_tracks') }} as rows_of
    {% if is_incremental() %}
    {{ scope_join('tracks') }}
    {% endif %}
    left join {{ ref('stg_export_tracks') }} as named
        on rows_of.track_id = named.track_id
),

only_named as (
    select
        rows_of.track_id,
        rows_of.track_name,
        null::integer as duration_ms,
        null::text as isrc,
        rows_of.album_name as named_album_name,
        rows_of.album_artist_name,
        true as is_only_named
    from {{ ref('stg_export_tracks') }} as rows_of
    {% if is_incremental() %}
    {{ scope_join('tracks') }}
    {% endif %}
    where
        not exists (
            select 1
            from {{ ref('stg_tracks') }} as tracks
            where rows_of.track_id = tracks.track_id
        )
),

tracks as (
    select * from described
    union all
    select * from only_named
),

-- An artist who is named twice on one track is credited once.
credited as (
    select
        tracks.track_id,
        track_artists.artist_id,
        min(track_artists.artist_position) as artist_position
    from tracks
    inner join {{ ref('stg_track_artists') }} as track_artists
        on tracks.track_id = track_artists.track_id
    group by tracks.track_id, track_artists.artist_id
),

credits as (
    select
        credited.track_id,
        array_agg(credited.artist_id order by credited.artist_position) as artist_ids,
        array_agg(artists.artist_name order by credited.artist_position) as artist_names
    from credited
    left join {{ ref('stg_artists') }} as artists
        on credited.artist_id = artists.artist_id
    group by credited.track_id
)

select
    tracks.track_id,
    tracks.track_name,
    tracks.duration_ms,
    tracks.isrc,
    tracks.named_album_name,
    tracks.album_artist_name,
    coalesce(credits.artist_ids, '{}') as artist_ids,
    coalesce(credits.artist_names, '{}') as artist_names,
    tracks.is_only_named
from tracks
left join credits
    on tracks.track_id = credits.track_id
