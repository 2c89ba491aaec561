{{ config(materialized='view') }}

with excluded as (
    select
        plays.user_id,
        one.rule_id,
        count(*) as streams,
        count(*) filter (where plays.is_counted) as plays,
        coalesce(sum(plays.ms_listened), 0) as ms_listened,
        count(*) filter (where plays.is_counted and cardinality(plays.excluded_by) = 1) as plays_by_it_alone,
        min(plays.played_at) as first_played_at,
        max(plays.played_at) as last_played_at
    from {{ ref('fct_plays') }} as plays
    cross join lateral unnest(plays.excluded_by) as one (rule_id)
    where plays.is_excluded
    group by plays.user_id, one.rule_id
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
    rules.rule_id,
    totals.user_id,
    rules.kind,
    rules.excluded,
    rules.note,
    coalesce(excluded.streams, 0)::integer as streams,
    coalesce(excluded.plays, 0)::integer as plays,
    coalesce(excluded.ms_listened, 0)::bigint as ms_listened,
    coalesce(excluded.plays_by_it_alone, 0)::integer as plays_by_it_alone,
    excluded.first_played_at,
    excluded.last_played_at,
    totals.plays::integer as plays_before_all_rules,
    totals.plays_kept::integer as plays_after_all_rules,
    totals.ms_listened::bigint as ms_before_all_rules,
    totals.ms_kept::bigint as ms_after_all_rules
from {{ ref('exclusion_rules') }} as rules
inner join totals
    on coalesce(rules.user_id = totals.user_id, true)
left join excluded
    on
        rules.rule_id = excluded.rule_id
        and totals.user_id = excluded.user_id
