{{ config(materialized='view') }}

with days as (
    select
        user_id,
        local_date,
        sum(plays) as plays,
        sum(ms_listened) as ms_listened
    from {{ ref('listening_hours') }}
    group by user_id, local_date
    having sum(plays) > 0
),

-- Dates in a row less their places in a row are one and the same date.
numbered as (
    select
        *,
        local_date - row_number() over (partition by user_id order by local_date)::integer as run,
        max(local_date) over (partition by user_id) as last_date
    from days
)

select
    user_id,
    min(local_date) as started_on,
    max(local_date) as ended_on,
    count(*)::integer as days,
    sum(plays)::integer as plays,
    sum(ms_listened)::bigint as ms_listened,
    max(local_date) = max(last_date) as is_latest
from numbered
group by user_id, run
