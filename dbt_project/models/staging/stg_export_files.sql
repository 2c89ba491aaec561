with named as (
    select
        user_id,
        file_hash,
        bool_or(name ilike '%video%') as is_video,
        bool_or(name ilike '%podcast%') as is_podcast
    from {{ source('raw', 'export_members') }}
    group by user_id, file_hash
)

select
    files.user_id,
    files.file_hash,
    files.kind,
    coalesce(named.is_video, false) as is_video,
    coalesce(named.is_podcast, false) as is_podcast,
    files.rows_read,
    files.first_ts as first_ended_at,
    files.last_ts as last_ended_at,
    files.lake_key
from {{ source('raw', 'export_files') }} as files
left join named
    on
        files.user_id = named.user_id
        and files.file_hash = named.file_hash
