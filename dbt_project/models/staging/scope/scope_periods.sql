select distinct
    days.user_id,
    periods.period_kind,
    periods.period_start
from {{ ref('scope_local_days') }} as days
cross join lateral (
    values
    ('day', days.local_date),
    ('week', date_trunc('week', days.local_date::timestamp)::date),
    ('month', date_trunc('month', days.local_date::timestamp)::date),
    ('year', date_trunc('year', days.local_date::timestamp)::date),
    ('all_time', date '1970-01-01')
) as periods (period_kind, period_start)
