{{ config(
    unique_key=['play_id'],
    meta={'scope': 'windows'},
    indexes=[
        {'columns': ['play_id'], 'unique': true},
        {'columns': ['user_id', 'played_at']},
        {'columns': ['user_id', 'local_date']},
        {'columns': ['track_id']},
    ],
    post_hook="{% if is_incremental() %}{{ touch_listener_tracks() }}{% endif %}",
) }}

with rows_in_windows as (
    select rows_of.*
    from {{ scoped(ref('stg_streams'), 'windows_of_streams') }} as rows_of
),

{{ merged_streams('rows_in_windows') }},

plays as (
    select
        rows_of.user_id,
        rows_of.played_at,
        rows_of.track_key,
        rows_of.context_type,
        rows_of.context_uri,
        rows_of.api_lake_key,
        case when rows_of.track_key not like 'spotify:%' then rows_of.track_key end as track_id,
        matches.ended_at,
        matches.content_key,
        matches.ms_played
    from {{ scoped(ref('stg_plays'), 'windows') }} as rows_of
    left join {{ scoped(ref('int_matches'), 'windows') }} as matches
        on
            rows_of.user_id = matches.user_id
            and rows_of.played_at = matches.played_at
            and rows_of.track_key = matches.track_key
),

told as (
    select
        coalesce(plays.user_id, merged.user_id) as user_id,
        coalesce(plays.played_at, merged.ended_at) as played_at,
        case
            when plays.user_id is not null
                then
                    plays.user_id || '|' || {{ epoch_ms('plays.played_at') }}::text || '|' || plays.track_key
            else
                'export|' || merged.user_id || '|' || {{ epoch_ms('merged.ended_at') }}::text || '|'
                || merged.ms_played::text || '|' || merged.content_key
        end as play_key,
        case
            when plays.track_id is not null then 'track'
            else coalesce(merged.content_type, 'unknown')
        end as content_type,
        case when plays.user_id is not null then plays.track_id else merged.track_id end as track_id,
        case
            when plays.track_id is not null then 'spotify:track:' || plays.track_id
            else coalesce(plays.track_key, merged.content_uri)
        end as content_uri,
        merged.title,
        merged.artist_name,
        merged.ended_at,
        merged.ms_played,
        merged.offline_timestamp,
        merged.kind as export_kind,
        case
            when merged.user_id is null then 'api'
            when plays.user_id is not null then 'both'
            when merged.kind = 'account_data' then 'account_data'
            else 'export'
        end as source,
        merged.skipped,
        merged.shuffle,
        merged.is_offline,
        merged.is_incognito,
        merged.platform,
        merged.conn_country,
        merged.reason_start,
        merged.reason_end,
        plays.context_type,
        plays.context_uri,
        plays.api_lake_key,
        merged.export_lake_key,
        coalesce(merged.copies, 0) as copies
    from plays
    full join merged
        on
            plays.user_id = merged.user_id
            and plays.ended_at = merged.ended_at
            and plays.content_key = merged.content_key
            and plays.ms_played = merged.ms_played
),

localized as (
    select
        told.*,
        told.played_at at time zone coalesce(zones.time_zone, 'UTC') as played_at_local,
        told.ended_at - told.ms_played * interval '1 millisecond' as started_at_latest,
        -- In milliseconds until October 2022, in seconds since; a few are absurd.
        case
            when told.offline_timestamp between 1000000000 and 9999999999 then to_timestamp(told.offline_timestamp)
            when told.offline_timestamp between 1000000000000 and 9999999999999
                then to_timestamp(told.offline_timestamp / 1000.0)
        end as started_at_by_client
    from told
    left join {{ ref('stg_listener_time_zones') }} as zones
        on
            told.user_id = zones.user_id
            and told.played_at >= zones.starts_at
            and told.played_at < zones.ends_at
),

-- What rules leave out stays here, and is marked.
ruled as (
    select
        localized.*,
        (
            select array_agg(rules.rule_id order by rules.rule_id)
            from {{ ref('stg_exclusions') }} as rules
            where
                coalesce(rules.user_id = localized.user_id, true)
                and coalesce(localized.played_at >= rules.starts_at, true)
                and coalesce(localized.played_at < rules.ends_at, true)
                and case rules.kind
                    when 'track' then coalesce(localized.track_id = rules.excluded, false)
                    when 'playlist'
                        then coalesce(localized.context_uri = 'spotify:playlist:' || rules.excluded, false)
                    when 'device' then coalesce(lower(localized.platform) = lower(rules.excluded), false)
                    when 'artist'
                        then exists (
                            select 1
                            from {{ ref('int_track_facts') }} as facts
                            where localized.track_id = facts.track_id and rules.excluded = any(facts.artist_ids)
                        )
                    else true
                end
        ) as excluded_by
    from localized
)

select
    md5(play_key) as play_id,
    user_id,
    content_type,
    track_id,
    {{ track_key('track_id', 'content_type', 'artist_name', 'title') }} as track_key,
    content_uri,
    case when track_id is null then title end as title,
    case when track_id is null then artist_name end as artist_name,
    played_at::timestamptz (3) as played_at,
    -- The client's own start where it is believable: a pause makes it earlier than the end less what was played.
    case
        when export_kind = 'account_data' then null
        when
            started_at_by_client >= started_at_latest - interval '1 day'
            and started_at_by_client <= started_at_latest + interval '2 seconds'
            then started_at_by_client
        else started_at_latest
    end::timestamptz (3) as started_at,
    ms_played,
    -- Of what the API alone saw only the track's length is known; a look for each of these, and not for the others.
    coalesce(
        ms_played,
        (
            select facts.duration_ms
            from {{ ref('int_track_facts') }} as facts
            -- A file of the listener's own is known by its URI.
            where coalesce(ruled.track_id, ruled.content_uri) = facts.track_id
        )
    ) as ms_listened,
    source,
    coalesce(ms_played >= 30000, true) as is_counted,
    excluded_by is not null as is_excluded,
    excluded_by,
    played_at_local::date as local_date,
    extract(hour from played_at_local)::integer as local_hour,
    skipped,
    reason_end = 'trackdone' as is_completed,
    case
        when reason_end = 'trackdone' then false
        when reason_end in ('fwdbtn', 'backbtn', 'clickrow', 'clickside', 'playbtn') or skipped then true
        when reason_end is not null then false
    end as is_skipped,
    shuffle,
    is_offline,
    is_incognito,
    platform,
    conn_country,
    reason_start,
    reason_end,
    context_type,
    context_uri,
    api_lake_key,
    export_lake_key,
    copies
from ruled
