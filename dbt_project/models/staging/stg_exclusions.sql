select
    rule_id,
    user_id,
    kind,
    value as excluded,
    starts_at,
    ends_at,
    note
from {{ source('ops', 'exclusions') }}
