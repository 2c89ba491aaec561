{{ config(
    unique_key=['source', 'chart', 'chart_date', 'position'],
    meta={'scope': 'charts', 'public': true},
    indexes=[
        {'columns': ['source', 'chart', 'chart_date', 'position'], 'unique': true},
        {'columns': ['track_id']},
    ],
) }}

-- Charts are numbered within their series: the one before is of the last date that is stored, be it a day ago or two.
with numbered as (
    select
        entries.source,
        entries.chart,
        entries.chart_date,
        entries.position,
        entries.date_is_fetch_day,
        entries.entry_key,
        entries.track_id,
        entries.title,
        entries.artists,
        entries.streams,
        dense_rank() over (
            partition by entries.source, entries.chart
            order by entries.chart_date
        ) as chart_number
    from {{ scoped(ref('stg_chart_entries'), 'charts') }} as entries
),

-- A track that stands on a chart twice is followed by its better position.
best as (
    select distinct on (source, chart, entry_key, chart_number)
        source,
        chart,
        entry_key,
        chart_number,
        position
    from numbered
    order by
        source asc,
        chart asc,
        entry_key asc,
        chart_number asc,
        position asc
),

followed as (
    select
        source,
        chart,
        entry_key,
        chart_number,
        lag(chart_number) over track as number_before,
        lag(position) over track as position_before,
        lead(chart_number) over track as number_after,
        min(position) over so_far as peak_position,
        row_number() over track as days_on_chart
    from best
    window
        track as (partition by source, chart, entry_key order by chart_number),
        so_far as (
            partition by source, chart, entry_key order by chart_number rows between unbounded preceding and current row
        )
),

newest as (
    select
        source,
        chart,
        max(chart_number) as chart_number
    from numbered
    group by source, chart
)

select
    numbered.source,
    numbered.chart,
    numbered.chart_date,
    numbered.position,
    case when followed.number_before = numbered.chart_number - 1 then followed.position_before end as previous_position,
    case
        when followed.number_before = numbered.chart_number - 1
            then (followed.position_before - numbered.position)::integer
    end as change,
    followed.peak_position,
    followed.days_on_chart::integer as days_on_chart,
    coalesce(followed.number_before <> numbered.chart_number - 1, true) as entered,
    coalesce(followed.number_before < numbered.chart_number - 1, false) as reentered,
    case
        when numbered.chart_number < newest.chart_number
            then coalesce(followed.number_after <> numbered.chart_number + 1, true)
    end as leaves_next,
    numbered.streams,
    numbered.track_id,
    numbered.title,
    numbered.artists,
    numbered.date_is_fetch_day
from numbered
inner join followed
    on
        numbered.source = followed.source
        and numbered.chart = followed.chart
        and numbered.entry_key = followed.entry_key
        and numbered.chart_number = followed.chart_number
inner join newest
    on
        numbered.source = newest.source
        and numbered.chart = newest.chart
