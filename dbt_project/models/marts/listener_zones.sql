{{ config(
    unique_key=['user_id', 'starts_at'],
    meta={'scope': 'all'},
    indexes=[{'columns': ['user_id', 'starts_at'], 'unique': true}],
) }}

-- A few rows a listener, made anew by each build: a change of a zone is no play.
select
    zones.user_id,
    zones.time_zone,
    zones.starts_at,
    zones.ends_at
from {{ ref('stg_listener_time_zones') }} as zones
where zones.starts_at < zones.ends_at
