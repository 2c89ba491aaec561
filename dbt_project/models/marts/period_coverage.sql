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

-- A period begins at midnight where the listener was then. What comes after the last known moment is not missing yet.
bounded as (
    select
        periods.user_id,
        periods.period_kind,
        periods.period_start,
        case
            when periods.period_kind = 'all_time' then known.starts_at
            else periods.period_start::timestamp at time zone coalesce(zones.time_zone, 'UTC')
        end as starts_at,
        case
            when periods.period_kind = 'all_time' then known.ends_at
            else least(
                known.ends_at,
                {{ next_start('periods.period_kind', 'periods.period_start') }}::timestamp
                at time zone coalesce(zones.time_zone, 'UTC')
            )
        end as ends_at,
        coalesce(
            known.ends_at < {{ next_start('periods.period_kind', 'periods.period_start') }}::timestamp
            at time zone coalesce(zones.time_zone, 'UTC'),
            false
        ) as goes_on
    from {{ ref('listening_periods') }} as periods
    inner join known
        on periods.user_id = known.user_id
    left join lateral (
        select listener_zones.time_zone
        from {{ ref('listener_zones') }} as listener_zones
        where
            periods.user_id = listener_zones.user_id
            and periods.period_start::timestamp at time zone listener_zones.time_zone >= listener_zones.starts_at
        order by listener_zones.starts_at desc
        limit 1
    ) as zones on true
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
