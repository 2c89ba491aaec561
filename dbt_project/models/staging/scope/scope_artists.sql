select distinct changed.id as artist_id
from {{ source('ops', 'changed_ids') }} as changed
inner join {{ ref('current_build') }} as build
    on
        changed.version > build.from_version
        and changed.version <= build.to_version
where changed.kind = 'artist'
