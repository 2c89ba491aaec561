select
    user_id,
    export_hash,
    file_hash,
    name as file_name,
    substring(name from '_([0-9]+)\.json$')::integer as file_number
from {{ source('raw', 'export_members') }}
