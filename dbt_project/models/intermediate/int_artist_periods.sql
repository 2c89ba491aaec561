{{ config(
    unique_key=['user_id', 'period_kind', 'period_start', 'artist_id'],
    meta={'scopes': ['periods', 'periods_of_retold_tracks']},
    indexes=[
        {'columns': ['user_id', 'period_kind', 'period_start', 'artist_id'], 'unique': true},
        {'columns': ['artist_id']},
    ],
) }}
-- depends_on: {{ ref('scope_periods') }}
-- depends_on: {{ ref('scope_tracks') }}

with periods as (
    select
        user_id,
        period_kind,
        period_start,
        track_id,
        plays,
        first_played_at,
        last_played_at
    from
    {% if is_incremental() %}
        {{ rows_in_scope(ref('int_track_periods'), ['periods', 'periods_of_retold_tracks']) }} as in_scope
    {% else %}
        {{ ref('int_track_periods') }}
    {% endif %}
),

summed as (
    select
        periods.user_id,
        periods.period_kind,
        periods.period_start,
        credits.artist_id,
        sum(periods.plays)::integer as plays,
        sum(periods.plays::bigint * facts.duration_ms)::bigint as ms_listened_estimate,
        min(periods.first_played_at) as first_played_at,
        max(periods.last_played_at) as last_played_at
    from periods
    inner join {{ ref('int_track_facts') }} as facts
        on periods.track_id = facts.track_id
    cross join lateral unnest(facts.artist_ids) with ordinality as credits (artist_id, artist_position)
    -- An artist who is named twice on one track counts once.
    where array_position(facts.artist_ids, credits.artist_id) = credits.artist_position
    group by
        periods.user_id,
        periods.period_kind,
        periods.period_start,
        credits.artist_id
)

select
    user_id,
    period_kind,
    period_start,
    artist_id,
    plays,
    ms_listened_estimate,
    rank() over (
        partition by user_id, period_kind, period_start
        order by plays desc
    )::integer as rank,
    first_played_at,
    last_played_at
from summed
