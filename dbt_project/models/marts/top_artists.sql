{{ config(
    unique_key=['user_id', 'period_kind', 'period_start', 'artist_id'],
    meta={'scopes': ['periods', 'periods_of_retold_tracks', 'artists']},
    indexes=[
        {'columns': ['user_id', 'period_kind', 'period_start', 'artist_id'], 'unique': true},
        {'columns': ['user_id', 'period_kind', 'period_start', 'rank']},
        {'columns': ['artist_id']},
    ],
) }}
-- depends_on: {{ ref('scope_periods') }}
-- depends_on: {{ ref('scope_tracks') }}
-- depends_on: {{ ref('scope_artists') }}

with periods as (
    select
        user_id,
        period_kind,
        period_start,
        rank,
        artist_id,
        plays,
        ms_listened_estimate,
        first_played_at,
        last_played_at
    from
    {% if is_incremental() %}
        {{ rows_in_scope(ref('int_artist_periods'), ['periods', 'periods_of_retold_tracks', 'artists']) }} as in_scope
    {% else %}
        {{ ref('int_artist_periods') }}
    {% endif %}
)

select
    periods.user_id,
    periods.period_kind,
    periods.period_start,
    periods.rank,
    periods.artist_id,
    artists.artist_name,
    periods.plays,
    periods.ms_listened_estimate,
    periods.first_played_at,
    periods.last_played_at
from periods
left join {{ ref('dim_artists') }} as artists
    on periods.artist_id = artists.artist_id
