"""Asset checks on `global_top_50`."""

from datetime import date, datetime, timedelta

import dagster as dg

from spotify_assets.charts.assets import COLUMNS
from spotify_assets.charts.sources import Series, series_of
from spotify_assets.clock import Clock
from spotify_assets.questions import About, Question, Verdict, check_of, what_to_expect
from spotify_assets.settings import settings
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets.table_checks import table_check

DUE = timedelta(hours=22)
"""When yesterday's chart is there, in a UTC day; until then that of the day before yesterday may be the newest."""

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


def newest_chart(warehouse: Warehouse, series: Series) -> date | None:
    """The date of the newest chart of a series."""
    with warehouse.connect() as connection:
        [(newest,)] = connection.execute(
            "select max(chart_date) from raw.chart_entries where (source, chart) = (%s, %s)", series
        ).fetchall()
    found: date | None = newest
    return found


def verdict(series: Series, newest: date | None, now: datetime) -> Verdict:
    """Judges the newest chart of a series at `now`."""
    named = f"{series[0]} ({series[1]})"
    if newest is None:
        return Verdict(False, f"There is no chart of {named} yet. The runs of `charts` say why.")
    said = f"The newest chart of {named} is of {newest}, {(now.date() - newest).days} days ago"
    if newest >= oldest_that_is_recent(now):
        return Verdict(True, f"{said}.")
    return Verdict(
        False,
        f"{said}; the source has skipped a day, or is not read: the runs of `charts` and the check "
        "first_source_answered say which. The others of TOP_50_SOURCES stand in meanwhile, as series of their own.",
    )


def oldest_that_is_recent(now: datetime) -> date:
    """The chart of yesterday, or, before that is due, of the day before yesterday."""
    return (now - DUE).date() - timedelta(days=1)


def _is_recent() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="global_top_50",
        name="chart_is_recent",
        description="The first of TOP_50_SOURCES has given a newer chart than that of the day before yesterday, by "
        f"{DUE / timedelta(hours=1):.0f}:00 UTC of the day.",
        metadata=what_to_expect("WARN", "see in the runs of `charts` whether the source skipped a day or is not read"),
    )
    def check(warehouse: dg.ResourceParam[Warehouse], clock: dg.ResourceParam[Clock]) -> dg.AssetCheckResult:
        first = series_of(settings().top_50_sources[0])
        return verdict(first, newest_chart(warehouse, first), clock.now()).as_warning()

    return check


def chart_checks() -> list[dg.AssetChecksDefinition]:
    """All checks on `global_top_50` that can be started on their own."""
    asked = [check_of("global_top_50", question, about) for question in QUESTIONS]
    return [table_check("global_top_50", "raw.chart_entries", COLUMNS), *asked, _is_recent()]
