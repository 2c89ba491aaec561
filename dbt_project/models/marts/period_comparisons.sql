{{ config(materialized='view') }}

select
    this.user_id,
    this.period_kind,
    this.period_start,
    this.plays,
    before.plays as plays_before,
    year_before.plays as plays_year_before,
    this.ms_listened,
    before.ms_listened as ms_before,
    year_before.ms_listened as ms_year_before,
    -- After a period with one millisecond in it, numbers are as large as a period has milliseconds.
    {{ share('this.ms_listened - before.ms_listened', 'before.ms_listened', 'numeric(24, 4)') }} as growth,
    {{ share('this.ms_listened - year_before.ms_listened', 'year_before.ms_listened', 'numeric(24, 4)') }}
        as growth_on_year
from {{ ref('listening_periods') }} as this
left join {{ ref('listening_periods') }} as before
    on
        this.user_id = before.user_id
        and this.period_kind = before.period_kind
        and before.period_start = {{ previous_start('this.period_kind', 'this.period_start') }}
left join {{ ref('listening_periods') }} as year_before
    on
        this.user_id = year_before.user_id
        and this.period_kind = year_before.period_kind
        and year_before.period_start = {{ year_before('this.period_kind', 'this.period_start') }}
