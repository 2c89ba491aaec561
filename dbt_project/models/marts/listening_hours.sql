{{ config(
    unique_key=[
        'user_id', 'local_date', 'local_hour', 'content_type', 'platform', 'conn_country', 'is_incognito',
    ],
    meta={'scope': 'local_days'},
    indexes=[
        {
            'columns': [
                'user_id', 'local_date', 'local_hour', 'content_type', 'platform', 'conn_country', 'is_incognito',
            ],
            'unique': true,
        },
    ],
) }}

with plays as (
    select
        rows_of.*,
        {{ platform_kind('rows_of.platform') }} as device,
        coalesce(rows_of.conn_country, 'unknown') as country,
        coalesce(rows_of.incognito, false) as is_incognito
    from {{ scoped(ref('fct_plays'), 'local_days') }} as rows_of
    where not rows_of.is_excluded
)

select
    user_id,
    local_date,
    local_hour,
    content_type,
    device as platform,
    country as conn_country,
    is_incognito,
    {{ measures_of_plays() }}
from plays
group by
    user_id,
    local_date,
    local_hour,
    content_type,
    device,
    country,
    is_incognito
