{{ config(
    unique_key=['user_id', 'starts_at'],
    meta={'scope': 'all'},
    indexes=[{'columns': ['user_id', 'starts_at'], 'unique': true}],
) }}

-- A few rows a listener, made anew by each build: a change of a zone is no play.
select
    zones.user_id,
    zones.time_zone,
    -- Not every program reads infinite times.
    greatest(zones.starts_at, timestamptz '1970-01-01 00:00:00+00') as starts_at,
    nullif(zones.ends_at, timestamptz 'infinity') as ends_at
from {{ ref('stg_listener_time_zones') }} as zones
where
    zones.starts_at < zones.ends_at
    -- While a listener is erased, a note of who it was outlives the plays.
    and exists (
        select from {{ ref('fct_plays') }} as plays
        where plays.user_id = zones.user_id
    )
