-- Zones reach from UTC-12 to UTC+14: a play's local date is its UTC date or a neighbour of it.
select distinct
    days.user_id,
    days.utc_date + shift.days as local_date
from {{ ref('scope_days') }} as days
cross join (values (-1), (0), (1)) as shift (days)
