{{ config(
    unique_key=['user_id', 'local_date'],
    meta={'scope': 'local_days'},
    indexes=[{'columns': ['user_id', 'local_date'], 'unique': true}],
) }}

select
    user_id,
    local_date,
    {{ added_up() }},
    coalesce(sum(plays) filter (where is_incognito), 0)::integer as plays_incognito,
    coalesce(sum(ms_listened) filter (where is_incognito), 0)::bigint as ms_incognito,
    coalesce(sum(ms_listened) filter (where content_type in ('episode', 'audiobook')), 0)::bigint as ms_spoken
from {{ scoped(ref('listening_hours'), 'local_days') }} as rows_of
group by user_id, local_date
