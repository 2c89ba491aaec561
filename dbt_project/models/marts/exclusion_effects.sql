{{ config(materialized='view') }}

with excluded as (
    select
        plays.user_id,
        one.rule_id,
        cardinality(plays.excluded_by) = 1 as is_by_it_alone,
        plays.played_at,
        plays.is_counted,
        plays.ms_listened
    from {{ ref('fct_plays') }} as plays
    cross join lateral unnest(plays.excluded_by) as one (rule_id)
    where plays.is_excluded
),

totals as (
    select
        user_id,
        count(*) filter (where is_counted) as plays,
        coalesce(sum(ms_listened), 0) as ms_listened,
        count(*) filter (where is_counted and not is_excluded) as plays_kept,
        coalesce(sum(ms_listened) filter (where not is_excluded), 0) as ms_kept
    from {{ ref('fct_plays') }}
    group by user_id
)

select
    excluded.rule_id,
    excluded.user_id,
    rules.kind,
    rules.excluded,
    rules.note,
    count(*)::integer as streams,
    (count(*) filter (where excluded.is_counted))::integer as plays,
    coalesce(sum(excluded.ms_listened), 0)::bigint as ms_listened,
    (count(*) filter (where excluded.is_counted and excluded.is_by_it_alone))::integer as plays_by_it_alone,
    min(excluded.played_at) as first_played_at,
    max(excluded.played_at) as last_played_at,
    totals.plays::integer as plays_before_all_rules,
    totals.plays_kept::integer as plays_after_all_rules,
    totals.ms_listened::bigint as ms_before_all_rules,
    totals.ms_kept::bigint as ms_after_all_rules
from excluded
inner join totals
    on excluded.user_id = totals.user_id
left join {{ ref('exclusion_rules') }} as rules
    on excluded.rule_id = rules.rule_id
group by
    excluded.rule_id,
    excluded.user_id,
    rules.kind,
    rules.excluded,
    rules.note,
    totals.plays,
    totals.plays_kept,
    totals.ms_listened,
    totals.ms_kept
