{{ config(
    unique_key=['rule_id'],
    meta={'scope': 'all', 'without_user_id': 'of_everybody'},
    indexes=[{'columns': ['rule_id'], 'unique': true}],
) }}

-- A few rows, made anew by each build.
select
    rules.rule_id,
    rules.user_id,
    rules.kind,
    rules.excluded,
    rules.starts_at,
    rules.ends_at,
    rules.note
from {{ ref('stg_exclusions') }} as rules
