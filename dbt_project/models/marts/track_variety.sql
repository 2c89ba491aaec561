{{ config(materialized='view') }}

select
    measured.user_id,
    measured.period_kind,
    measured.period_start,
    {{ variety('measured', 'ever.first_local_date >= measured.period_start') }}
from {{ measured_periods() }} as measured
inner join {{ ref('track_periods') }} as ever
    on
        measured.user_id = ever.user_id
        and measured.track_key = ever.track_key
        and ever.period_kind = 'all_time'
group by
    measured.user_id,
    measured.period_kind,
    measured.period_start
