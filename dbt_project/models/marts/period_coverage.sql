{{ config(materialized='view') }}

with known as (
    select
        user_id,
        min(starts_at) as starts_at,
        max(ends_at) as ends_at
    from {{ ref('coverage') }}
    where is_covered
    group by user_id
),

-- A period begins at midnight where the listener was then, and ends where the next one begins.
placed as (
    select
        periods.user_id,
        periods.period_kind,
        periods.period_start,
        case
            when periods.period_kind <> 'all_time' then {{ midnight_of('periods.user_id', 'periods.period_start') }}
        end as begins_at,
        {{ midnight_of('periods.user_id', next_start('periods.period_kind', 'periods.period_start')) }}
            as next_begins_at
    from {{ ref('listening_periods') }} as periods
),

-- What comes after the last known moment is not missing yet.
bounded as (
    select
        placed.user_id,
        placed.period_kind,
        placed.period_start,
        coalesce(placed.begins_at, known.starts_at) as starts_at,
        least(known.ends_at, placed.next_begins_at) as ends_at,
        coalesce(placed.next_begins_at > known.ends_at, false) as goes_on
    from placed
    inner join known
        on placed.user_id = known.user_id
)

select
    bounded.user_id,
    bounded.period_kind,
    bounded.period_start,
    {{ share(
        'coalesce(sum(extract(epoch from least(spans.ends_at, bounded.ends_at) '
        ~ '- greatest(spans.starts_at, bounded.starts_at))) filter (where spans.is_covered), 0)',
        'greatest(extract(epoch from bounded.ends_at - bounded.starts_at), 0)'
    ) }} as covered_share,
    coalesce(bool_and(spans.is_covered), false)
    and coalesce(min(spans.starts_at) <= bounded.starts_at, false)
    and not bounded.goes_on as is_complete,
    -- Of a hole over a period's edge nobody knows on which side its streams were.
    coalesce(
        sum(spans.missing_at_least) filter (
            where spans.starts_at >= bounded.starts_at and spans.ends_at <= bounded.ends_at
        ),
        0
    )::integer as missing_at_least
from bounded
left join {{ ref('coverage') }} as spans
    on
        bounded.user_id = spans.user_id
        and bounded.starts_at < spans.ends_at
        and bounded.ends_at > spans.starts_at
group by
    bounded.user_id,
    bounded.period_kind,
    bounded.period_start,
    bounded.starts_at,
    bounded.ends_at,
    bounded.goes_on
