{{ config(
    unique_key=['user_id', 'starts_at', 'is_covered'],
    meta={'scope': 'all'},
    indexes=[{'columns': ['user_id', 'starts_at', 'is_covered'], 'unique': true}],
) }}

with polls as (
    select
        user_id,
        tstzrange(starts_at, ends_at, '[]') as span
    from {{ ref('stg_polled_spans') }}
),

-- Video files prove nothing about audio, and podcasts of account data nothing about music.
files as (
    select
        user_id,
        file_hash,
        first_ended_at,
        last_ended_at
    from {{ ref('stg_export_files') }}
    where
        not is_video
        and not is_podcast
        and first_ended_at is not null
),

numbered as (
    select
        members.user_id,
        members.export_hash,
        regexp_replace(members.file_name, '[^a-zA-Z]+', '', 'g') as series,
        members.file_number,
        max(files.last_ended_at) as last_ended_at,
        min(files.first_ended_at) as first_ended_at
    from {{ ref('stg_export_members') }} as members
    inner join files
        on
            members.user_id = files.user_id
            and members.file_hash = files.file_hash
    where members.file_number is not null
    group by
        members.user_id,
        members.export_hash,
        regexp_replace(members.file_name, '[^a-zA-Z]+', '', 'g'),
        members.file_number
),

followed as (
    select
        *,
        lead(file_number) over in_export as next_number,
        lead(first_ended_at) over in_export as next_first_ended_at
    from numbered
    window in_export as (partition by user_id, export_hash, series order by file_number)
),

exports as (
    select
        user_id,
        tstzrange(first_ended_at, last_ended_at, '[]') as span
    from files
    union all
    -- Between two files of one export that follow each other nothing was played.
    select
        user_id,
        tstzrange(last_ended_at, next_first_ended_at, '[]') as span
    from followed
    where
        next_number = file_number + 1
        and next_first_ended_at >= last_ended_at
),

proved as (
    select
        user_id,
        unnest(range_agg(span)) as span
    from (
        select * from polls
        union all
        select * from exports
    ) as spans
    group by user_id
),

polled as (
    select
        user_id,
        range_agg(span) as spans
    from polls
    group by user_id
),

exported as (
    select
        user_id,
        range_agg(span) as spans
    from exports
    group by user_id
),

covered as (
    select
        proved.user_id,
        lower(proved.span) as starts_at,
        upper(proved.span) as ends_at,
        coalesce(proved.span && polled.spans, false) as has_polls,
        coalesce(proved.span && exported.spans, false) as has_exports,
        -- The part of its last five days that no export proves: later plays of that time may still come.
        (
            select min(lower(late.span))
            from unnest(
                tstzmultirange(proved.span)
                * tstzmultirange(tstzrange(upper(proved.span) - interval '5 days', null))
                - coalesce(exported.spans, '{}')
            ) as late (span)
        ) as provisional_from
    from proved
    left join exported
        on proved.user_id = exported.user_id
    left join polled
        on proved.user_id = polled.user_id
),

-- An export without one of its files is known to lack some.
missing_files as (
    select
        user_id,
        last_ended_at as starts_at,
        next_first_ended_at as ends_at,
        next_number - file_number - 1 as files
    from followed
    where next_number > file_number + 1
),

holes as (
    select
        user_id,
        ends_at as starts_at,
        lead(starts_at) over (partition by user_id order by starts_at) as ends_at
    from covered
)

select
    user_id,
    starts_at,
    ends_at,
    true as is_covered,
    case
        when has_polls and has_exports then 'both'
        when has_polls then 'polls'
        else 'exports'
    end as proved_by,
    case when has_polls then provisional_from end as provisional_from,
    0 as missing_at_least
from covered
union all
select
    holes.user_id,
    holes.starts_at,
    holes.ends_at,
    false as is_covered,
    null as proved_by,
    null as provisional_from,
    (
        -- A file that is missing between two others of its export held at least one stream.
        select sum(missing_files.files)::integer
        from missing_files
        where
            holes.user_id = missing_files.user_id
            and holes.starts_at = missing_files.starts_at
            and holes.ends_at = missing_files.ends_at
    ) as missing_at_least
from holes
where holes.ends_at is not null
