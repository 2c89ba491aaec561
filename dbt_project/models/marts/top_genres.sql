{{ config(materialized='view') }}

with summed as (
    select * from {{ by_genre(measured_tracks(before=true), before=true) }} as by_genre
),

{{ ranked() }}

select
    user_id,
    period_kind,
    period_start,
    rank,
    rank_by_time,
    case when plays_before is not null then rank_before end as previous_rank,
    case when plays_before is not null then rank_before - rank end as change,
    genre,
    plays,
    share_of_plays,
    ms_listened,
    share_of_time,
    plays_before,
    artists
from ranked
where is_current
