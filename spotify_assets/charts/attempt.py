"""The attempts of a day to get the newest chart: ask, land, load.

The day is done once the first source has given a chart that is newer than all it gave on earlier days. Until then each
attempt asks it again; the other sources stand in for it once a day, each under its own name.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, time

from spotify_assets.asking import Told
from spotify_assets.charts.loading import DATASET, LoadedCharts, load_charts
from spotify_assets.charts.sources import Series, Source
from spotify_assets.errors import UserError
from spotify_assets.storage.lake import Lake
from spotify_assets.storage.landed import in_order_of_fetching, left_over
from spotify_assets.storage.landing import Landing, while_nobody_is_erased
from spotify_assets.storage.warehouse import Warehouse


@dataclass(frozen=True)
class Outcome:
    """How asking one source ended, in a sentence."""

    series: Series
    said: str
    failed: bool = False


@dataclass(frozen=True)
class Attempt:
    """What one attempt did, and how the day stands after it.

    `was_read`: any source has given a chart today. `is_done`: the first one has, and it is newer than before today.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    loaded: LoadedCharts = field(default_factory=LoadedCharts)
    was_read: bool = False
    is_done: bool = False


def attempt(warehouse: Warehouse, lake: Lake, sources: Mapping[Series, Source], now: datetime) -> Attempt:
    """Asks the first source, and where the day is not done after it, each other one that has given nothing today.

    Raises `WarehouseUnavailable`, and `UserError` where the lake is down: what was fetched waits in the spool.
    """
    with while_nobody_is_erased(warehouse):
        landing = Landing(lake, warehouse)
        landing.move_spool()
        loaded = LoadedCharts()
        outcomes: list[Outcome] = []
        first = next(iter(sources))
        for series, source in sources.items():
            if series != first and is_done(warehouse, first, now):
                continue
            if series != first and was_read(warehouse, series, now):
                outcomes.append(Outcome(series, f"{series[0]} has stood in today already."))
                continue
            told = _ask(series, source)
            if isinstance(told, Outcome):
                outcomes.append(told)
                continue
            landed = landing.land(DATASET, told.body, told.fetched_at, None)
            if landed.spooled:
                raise UserError(f"{landed.spooled} The chart waits in ops.spool and moves at the next attempt.")
            new = load_charts(warehouse, lake, [landed.key])
            outcomes.append(_of_page(series, new))
            loaded += new
        loaded += load_charts(warehouse, lake, in_order_of_fetching(left_over(warehouse, lake, DATASET, now.date())))
        any_read = any(was_read(warehouse, series, now) for series in sources)
        return Attempt(outcomes, loaded, any_read, is_done(warehouse, first, now))


def is_done(warehouse: Warehouse, series: Series, now: datetime) -> bool:
    """Whether this series got a chart today (UTC) that is newer than all that it got before."""
    with warehouse.connect() as connection:
        row = connection.execute(
            """
            select max(chart_date) filter (where fetched_at >= %(today)s)
                > coalesce(max(chart_date) filter (where fetched_at < %(today)s), '-infinity')
            from ops.chart_pages
            where (source, chart) = (%(source)s, %(chart)s)
            """,
            {"today": _midnight(now), "source": series[0], "chart": series[1]},
        ).fetchone()
    return bool(row and row[0])


def was_read(warehouse: Warehouse, series: Series, now: datetime) -> bool:
    """Whether this series got any chart today (UTC)."""
    with warehouse.connect() as connection:
        row = connection.execute(
            "select exists (select from ops.chart_pages where (source, chart) = (%s, %s) and fetched_at >= %s)",
            (*series, _midnight(now)),
        ).fetchone()
    return bool(row and row[0])


def _ask(series: Series, source: Source) -> Told | Outcome:
    try:
        return source.fetch()
    except UserError as failed:
        return Outcome(series, str(failed), failed=True)


def _of_page(series: Series, loaded: LoadedCharts) -> Outcome:
    page = loaded.last
    if page is None:
        return Outcome(series, " ".join(loaded.faults), failed=True)
    said = f"{page.source} has the chart of {page.chart_date}"
    return Outcome(series, f"{said}." if loaded.entries_changed else f"{said}, which is known.")


def _midnight(now: datetime) -> datetime:
    return datetime.combine(now.date(), time(), UTC)
