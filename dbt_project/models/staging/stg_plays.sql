select
    user_id,
    played_at,
    track_id as track_key,
    context_type,
    context_uri,
    lake_key as api_lake_key
from {{ source('raw', 'plays') }}
