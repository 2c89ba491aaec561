{{ config(
    unique_key=['user_id', 'period_kind', 'period_start', 'track_id'],
    meta={'scopes': ['periods', 'retold_tracks']},
    indexes=[
        {'columns': ['user_id', 'period_kind', 'period_start', 'track_id'], 'unique': true},
        {'columns': ['user_id', 'period_kind', 'period_start', 'rank']},
        {'columns': ['track_id']},
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
        rank,
        first_played_at,
        last_played_at
    from
    {% if is_incremental() %}
        {{ rows_in_scope(ref('int_track_periods'), ['periods', 'retold_tracks']) }} as in_scope
    {% else %}
        {{ ref('int_track_periods') }}
    {% endif %}
)

select
    periods.user_id,
    periods.period_kind,
    periods.period_start,
    periods.rank,
    periods.track_id,
    facts.track_name,
    facts.artist_names[1] as main_artist_name,
    periods.plays,
    periods.plays::bigint * facts.duration_ms as ms_listened_estimate,
    periods.first_played_at,
    periods.last_played_at
from periods
left join {{ ref('int_track_facts') }} as facts
    on periods.track_id = facts.track_id
