select
    user_id,
    time_zone
from {{ source('ops', 'listeners') }}
