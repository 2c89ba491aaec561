"""Asset checks on `global_top_50`."""

from datetime import date

import dagster as dg

from spotify_assets.charts.sources import Series, series_of
from spotify_assets.clock import Clock, today
from spotify_assets.questions import About, Question, check_of
from spotify_assets.settings import settings
from spotify_assets.storage.warehouse import Warehouse

OLDEST_DAYS = 3
"""A chart is of yesterday at best; sources were seen to skip a day."""

_CHARTS = """
    with charts as (
        select source, chart, chart_date
        from ops.chart_pages
        where %(day)s::date is null or (
            fetched_at >= %(day)s::date::timestamp at time zone 'UTC'
            and fetched_at < (%(day)s::date + 1)::timestamp at time zone 'UTC'
        )
        group by source, chart, chart_date
    )
"""

QUESTIONS = (
    Question(
        name="fifty_positions_without_gaps",
        description="Each chart has the positions 1 to 50, each once.",
        query="""
            select c.source, c.chart, c.chart_date, count(e.position), min(e.position), max(e.position)
            from charts as c
            left join raw.chart_entries as e using (source, chart, chart_date)
            group by c.source, c.chart, c.chart_date
            having (count(e.position), min(e.position), max(e.position)) is distinct from (50, 1, 50)
        """,
        columns=("source", "chart", "date", "positions", "first", "last"),
        found="{count} charts lack positions; materialize the day on which they were fetched again.",
        severity=dg.AssetCheckSeverity.ERROR,
        blocking=True,
        tells_of_listening=False,
    ),
    Question(
        name="no_track_is_on_a_chart_twice",
        description="On each chart a track stands once.",
        query="""
            select e.source, e.chart, e.chart_date, e.track_id, count(*)
            from charts as c
            inner join raw.chart_entries as e using (source, chart, chart_date)
            where e.track_id is not null
            group by e.source, e.chart, e.chart_date, e.track_id
            having count(*) > 1
        """,
        columns=("source", "chart", "date", "track", "positions"),
        found="{count} tracks stand on a chart twice; look at the page in the lake.",
        severity=dg.AssetCheckSeverity.WARN,
        tells_of_listening=False,
    ),
    Question(
        name="nothing_is_quarantined",
        description="Every page that landed could be read, and all that it says.",
        query="""
            select o.lake_key, q.position, q.reason
            from ops.landed_objects as o
            inner join raw.quarantine as q using (lake_key)
            where o.dataset = 'charts' and (
                %(day)s::date is null or (
                    o.fetched_at >= %(day)s::date::timestamp at time zone 'UTC'
                    and o.fetched_at < (%(day)s::date + 1)::timestamp at time zone 'UTC'
                )
            )
        """,
        columns=("lake_key", "where", "why"),
        found="{count} pages, or things on them, could not be read; they load on replay once a later version can.",
        severity=dg.AssetCheckSeverity.WARN,
        tells_of_listening=False,
    ),
)


def about(day: str | None) -> About:
    """The charts that were fetched on a UTC day, or ever."""
    return About(_CHARTS, {"day": day}, f"the charts fetched on {day}" if day else "all charts")


def newest_chart(warehouse: Warehouse, series: Series, today_: date) -> tuple[date | None, str]:
    """The newest chart date of a series, and a sentence about how old that is."""
    with warehouse.connect() as connection:
        [(newest,)] = connection.execute(
            "select max(chart_date) from raw.chart_entries where (source, chart) = (%s, %s)", series
        ).fetchall()
    named = f"{series[0]} ({series[1]})"
    if newest is None:
        return None, f"There is no chart of {named} yet."
    return newest, f"The newest chart of {named} is of {newest}, {(today_ - newest).days} days ago."


def _is_recent() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="global_top_50",
        name="chart_is_recent",
        description=f"The newest chart of the first of TOP_50_SOURCES is not older than {OLDEST_DAYS} days.",
    )
    def check(warehouse: dg.ResourceParam[Warehouse], clock: dg.ResourceParam[Clock]) -> dg.AssetCheckResult:
        first = series_of(settings().top_50_sources[0])
        newest, said = newest_chart(warehouse, first, today(clock))
        return dg.AssetCheckResult(
            passed=newest is not None and (today(clock) - newest).days <= OLDEST_DAYS,
            severity=dg.AssetCheckSeverity.WARN,
            description=said,
        )

    return check


def chart_checks() -> list[dg.AssetChecksDefinition]:
    """All checks on `global_top_50` that can be started on their own."""
    return [*(check_of("global_top_50", question, about) for question in QUESTIONS), _is_recent()]
