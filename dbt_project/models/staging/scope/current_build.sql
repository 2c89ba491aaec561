select
    build_id,
    from_version,
    to_version,
    is_full
from {{ source('ops', 'builds') }}
where
    finished_at is null
    and build_id = (select max(newest.build_id) from {{ source('ops', 'builds') }} as newest)
