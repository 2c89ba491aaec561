with changes as (
    select
        user_id,
        null::date as valid_from,
        time_zone
    from {{ source('ops', 'listeners') }}
    union all
    select
        user_id,
        null::date as valid_from,
        time_zone
    from {{ source('ops', 'unconnected_listeners') }}
    union all
    select
        user_id,
        valid_from,
        time_zone
    from {{ source('ops', 'listener_time_zones') }}
),

begun as (
    select
        user_id,
        valid_from,
        time_zone,
        coalesce(valid_from::timestamp at time zone time_zone, timestamptz '-infinity') as starts_at
    from changes
)

select
    user_id,
    time_zone,
    starts_at,
    -- The later date wins: its zone may be so far east that its midnight comes before that of the day before.
    coalesce(
        min(starts_at) over (
            partition by user_id
            order by valid_from nulls first
            rows between 1 following and unbounded following
        ),
        timestamptz 'infinity'
    ) as ends_at
from begun
