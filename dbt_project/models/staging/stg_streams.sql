select
    streams.user_id,
    streams.ts as ended_at,
    streams.ms_played,
    case
        when streams.track_uri like 'spotify:track:%' then 'track'
        when streams.track_uri is not null then 'unknown'
        when coalesce(streams.episode_uri, streams.episode_name) is not null then 'episode'
        when coalesce(streams.audiobook_uri, streams.audiobook_chapter_uri, streams.audiobook_title) is not null
            then 'audiobook'
        when streams.track_name is not null then 'track'
        else 'unknown'
    end as content_type,
    case when streams.track_uri like 'spotify:track:%' then substr(streams.track_uri, 15) end as track_id,
    coalesce(
        streams.track_uri, streams.episode_uri, streams.audiobook_chapter_uri, streams.audiobook_uri
    ) as content_uri,
    -- What makes two rows of the same end and length the same.
    case
        when files.kind = 'account_data'
            then
                'name' || chr(31)
                || coalesce(streams.album_artist_name, streams.episode_show_name, '') || chr(31)
                || coalesce(streams.track_name, streams.episode_name, '')
        else
            coalesce(
                streams.track_uri, streams.episode_uri, streams.audiobook_chapter_uri, streams.audiobook_uri, ''
            )
    end as content_key,
    coalesce(
        streams.track_name, streams.episode_name, streams.audiobook_chapter_title, streams.audiobook_title
    ) as title,
    coalesce(streams.album_artist_name, streams.episode_show_name, streams.audiobook_title) as artist_name,
    streams.album_name,
    streams.platform,
    streams.conn_country,
    streams.reason_start,
    streams.reason_end,
    streams.shuffle,
    streams.skipped,
    streams.offline as is_offline,
    streams.offline_timestamp,
    streams.incognito_mode as is_incognito,
    files.kind,
    files.is_video,
    files.lake_key,
    streams.file_row
from {{ source('raw', 'streams') }} as streams
inner join {{ ref('stg_export_files') }} as files
    on
        streams.user_id = files.user_id
        and streams.file_hash = files.file_hash
