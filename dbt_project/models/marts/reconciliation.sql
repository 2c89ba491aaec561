{{ config(
    unique_key=['user_id', 'month_start'],
    meta={'scope': 'months'},
    indexes=[{'columns': ['user_id', 'month_start'], 'unique': true}],
) }}

select
    plays.user_id,
    date_trunc('month', plays.local_date::timestamp)::date as month_start,
    (count(*) filter (where plays.source = 'both'))::integer as matched,
    (count(*) filter (where plays.source = 'api'))::integer as api_only,
    (count(*) filter (where plays.source = 'export'))::integer as export_only,
    (count(*) filter (where plays.source = 'account_data'))::integer as account_data_only,
    (sum(greatest(plays.copies - 1, 0)))::integer as repeats
from {{ scoped(ref('int_plays'), 'days_of_months') }} as plays
group by plays.user_id, date_trunc('month', plays.local_date::timestamp)::date
