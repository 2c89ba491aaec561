select distinct
    changed.user_id,
    changed.utc_date,
    changed.utc_date::timestamp at time zone 'UTC' as starts_at,
    (changed.utc_date + 1)::timestamp at time zone 'UTC' as ends_at
from {{ source('ops', 'changed_days') }} as changed
inner join {{ ref('current_build') }} as build
    on
        changed.version > build.from_version
        and changed.version <= build.to_version
