{{ config(
    unique_key=['user_id', 'started_at'],
    meta={'scope': 'sessions'},
    indexes=[
        {'columns': ['user_id', 'started_at'], 'unique': true},
        {'columns': ['user_id', 'ended_at']},
        {'columns': ['user_id', 'local_date']},
    ],
) }}

with plays as (
    select
        rows_of.*,
        {{ began_at('rows_of') }} as began_at
    from {{ scoped(ref('fct_plays'), 'plays_of_sessions') }} as rows_of
    where not rows_of.is_excluded
),

-- Plays may overlap (two devices, a podcast across songs): silence counts from the latest end so far.
placed as (
    select
        *,
        coalesce(
            began_at > max(played_at) over (
                partition by user_id
                order by began_at, played_at, play_id
                rows between unbounded preceding and 1 preceding
            ) + interval '{{ var("session_gap_minutes") }} minutes',
            true
        ) as opens_session
    from plays
),

numbered as (
    select
        *,
        count(*) filter (where opens_session) over (
            partition by user_id
            order by began_at, played_at, play_id
        ) as session_number
    from placed
),

-- What started a session is told by its first play.
grouped as (
    select
        user_id,
        session_number,
        min(began_at) as started_at,
        max(played_at) as ended_at,
        max(play_id) filter (where opens_session) as first_play_id,
        max(local_date) filter (where opens_session) as local_date,
        max(reason_start) filter (where opens_session) as started_by,
        max(content_uri) filter (where opens_session) as first_content_uri,
        max(context_uri) filter (where opens_session) as first_context_uri,
        max({{ platform_kind('platform') }}) filter (where opens_session) as platform,
        count(distinct coalesce(content_uri, coalesce(artist_name, '') || chr(31) || title))::integer as contents,
        {{ measures_of_plays() }}
    from numbered
    group by user_id, session_number
)

select
    first_play_id as session_id,
    user_id,
    started_at,
    ended_at,
    local_date,
    (extract(epoch from ended_at - started_at) * 1000)::bigint as length_ms,
    started_by,
    first_content_uri,
    first_context_uri,
    platform,
    contents,
    streams,
    plays,
    ms_listened,
    ms_estimated,
    completed,
    skipped
from grouped
