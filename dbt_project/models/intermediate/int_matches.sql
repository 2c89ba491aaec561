{{ config(
    unique_key=['user_id', 'played_at', 'track_key'],
    meta={'scope': 'windows'},
    indexes=[
        {'columns': ['user_id', 'played_at', 'track_key'], 'unique': true},
        {'columns': ['user_id', 'ended_at', 'content_key', 'ms_played'], 'unique': true},
        {'columns': ['track_key']},
        {'columns': ['content_key']},
    ],
) }}
{#- Pairs that can be the same are taken in a fixed order, each play and each stream once. -#}

with recursive plays as (
    select
        rows_of.user_id,
        rows_of.played_at,
        rows_of.track_key,
        case
            when rows_of.track_key like 'spotify:%' then rows_of.track_key
            else 'spotify:track:' || rows_of.track_key
        end as content_uri,
        facts.isrc,
        {{ normalized('facts.track_name') }} as title_compared,
        {{ normalized('facts.album_artist_name') }} as artist_compared
    from {{ scoped(ref('stg_plays'), 'windows') }} as rows_of
    left join {{ ref('int_track_facts') }} as facts
        on rows_of.track_key = facts.track_id
    -- Where no export reaches nothing can match.
    where
        exists (
            select 1
            from {{ ref('stg_export_files') }} as files
            where
                rows_of.user_id = files.user_id
                and rows_of.played_at >= files.first_ended_at - interval '62 seconds'
                and rows_of.played_at <= files.last_ended_at + interval '62 seconds'
        )
),

reaches as (
    select
        user_id,
        min(played_at) - interval '62 seconds' as starts_at,
        max(played_at) + interval '62 seconds' as ends_at
    from plays
    group by user_id
),

rows_near as (
    select rows_of.*
    from reaches
    inner join {{ scoped(ref('stg_streams'), 'windows_of_streams') }} as rows_of
        on
            reaches.user_id = rows_of.user_id
            and reaches.starts_at <= rows_of.ended_at
            and reaches.ends_at >= rows_of.ended_at
),

{{ merged_streams('rows_near') }},

-- Materialized, as slots are: otherwise Postgres, which thinks that few streams are left here, may join all plays of a
-- listener with all streams first, and look at the slots then.
streams as materialized (
    select
        merged.user_id,
        merged.ended_at,
        merged.content_key,
        merged.ms_played,
        merged.kind,
        merged.content_uri,
        facts.isrc,
        {{ normalized('merged.title') }} as title_compared,
        {{ normalized('merged.artist_name') }} as artist_compared,
        floor(extract(epoch from merged.ended_at) / 62)::bigint as slot
    from merged
    left join {{ ref('int_track_facts') }} as facts
        on merged.track_id = facts.track_id
),

-- A play can match within its own 62 seconds of the clock and those before and after.
slots as materialized (
    select
        plays.*,
        floor(extract(epoch from plays.played_at) / 62)::bigint + beside.step as slot
    from plays
    cross join (values (-1), (0), (1)) as beside (step)
),

near as (
    select
        plays.user_id,
        plays.played_at,
        plays.track_key,
        streams.ended_at,
        streams.content_key,
        streams.ms_played,
        case
            when plays.content_uri = streams.content_uri then 1
            when plays.isrc = streams.isrc then 2
            when
                plays.title_compared = streams.title_compared
                and plays.artist_compared = streams.artist_compared
                then 3
        end as rung,
        -- Account data knows the minute only.
        case
            when streams.kind = 'account_data'
                then
                    greatest(
                        0,
                        {{ epoch_ms('streams.ended_at') }} - {{ epoch_ms('plays.played_at') }},
                        {{ epoch_ms('plays.played_at') }} - {{ epoch_ms('streams.ended_at') }} - 59999
                    )
            else abs({{ epoch_ms('streams.ended_at') }} - {{ epoch_ms('plays.played_at') }})
        end as distance_ms,
        case when streams.kind = 'account_data' then 2000 else 60000 end as reach_ms
    from slots as plays
    inner join streams
        on
            plays.user_id = streams.user_id
            and plays.slot = streams.slot
),

candidates as (
    select
        *,
        least(played_at, ended_at) as starts_at,
        greatest(played_at, ended_at) as ends_at
    from near
    where
        rung is not null
        and distance_ms <= reach_ms
),

-- Candidates that share a play or a stream overlap in time: what does not overlap can be decided apart.
begun as (
    select
        *,
        coalesce(
            starts_at > max(ends_at) over (
                partition by user_id
                order by starts_at, ends_at, track_key, content_key, ms_played
                rows between unbounded preceding and 1 preceding
            ),
            true
        ) as begins_chain
    from candidates
),

chained as (
    select
        *,
        count(*) filter (where begins_chain) over (
            order by user_id, starts_at, ends_at, track_key, content_key, ms_played
        ) as chain
    from begun
),

ordered as (
    select
        *,
        row_number() over (
            partition by chain
            order by
                rung asc,
                distance_ms asc,
                ended_at asc,
                played_at asc,
                track_key collate "C" asc,
                content_key collate "C" asc,
                ms_played asc
        ) as place,
        {{ epoch_ms('played_at') }}::text || '|' || track_key as play_key,
        {{ epoch_ms('ended_at') }}::text || '|' || ms_played::text || '|' || content_key as stream_key
    from chained
),

taken as (
    select
        chain,
        place,
        true as is_match,
        array[play_key] as play_keys,
        array[stream_key] as stream_keys
    from ordered
    where place = 1
    union all
    select
        ordered.chain,
        ordered.place,
        free.is_free as is_match,
        case when free.is_free then taken.play_keys || ordered.play_key else taken.play_keys end as play_keys,
        case when free.is_free then taken.stream_keys || ordered.stream_key else taken.stream_keys end as stream_keys
    from taken
    inner join ordered
        on
            taken.chain = ordered.chain
            and taken.place + 1 = ordered.place
    cross join lateral (  -- noqa: ST05
        select
            array_position(taken.play_keys, ordered.play_key) is null
            and array_position(taken.stream_keys, ordered.stream_key) is null as is_free
    ) as free
)

select
    ordered.user_id,
    ordered.played_at,
    ordered.track_key,
    ordered.ended_at,
    ordered.content_key,
    ordered.ms_played,
    ordered.rung,
    ordered.distance_ms::integer as distance_ms
from ordered
inner join taken
    on
        ordered.chain = taken.chain
        and ordered.place = taken.place
where taken.is_match
