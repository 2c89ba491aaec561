select
    polled.user_id,
    lower(proved.span) as starts_at,
    upper(proved.span) as ends_at
from {{ source('raw', 'polled_spans') }} as polled
cross join lateral unnest(polled.spans) as proved (span)
