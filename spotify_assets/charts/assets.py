"""The asset `global_top_50`: the world's chart of each day, by the UTC day on which it was asked for."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import dagster as dg

from spotify_assets.charts.attempt import Attempt, attempt
from spotify_assets.charts.loading import DATASET, load_charts
from spotify_assets.charts.sources import open_sources
from spotify_assets.clock import Clock
from spotify_assets.errors import UserError
from spotify_assets.fetched import a_sentence_for_a_person, days_of
from spotify_assets.markdown import markdown_table
from spotify_assets.questions import what_to_expect
from spotify_assets.settings import settings
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.storage.lake import Lake
from spotify_assets.storage.landing import while_nobody_is_erased
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets.table_checks import NOT_NULL, keyed_by

OWNER = "team:charts"
GONE = "its chart can't be fetched any more: the sources give only the newest one. Nothing else is affected."
COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("source", "text", "Who made the page: kworb, deezer or spotify", NOT_NULL),
        dg.TableColumn("chart", "text", "Which chart of that source; for Spotify the playlist's id", NOT_NULL),
        dg.TableColumn("chart_date", "date", "The page's own date, or the UTC day of fetching", NOT_NULL),
        dg.TableColumn("position", "smallint", "1 is the most played", NOT_NULL),
        dg.TableColumn("date_is_fetch_day", "boolean", "Whether the page has no date of its own", NOT_NULL),
        dg.TableColumn("track_id", "text", "Spotify's id of the track; null where the source doesn't give it"),
        dg.TableColumn("source_id", "text", "The source's own id of the track, where that isn't Spotify's"),
        dg.TableColumn("title", "text", "The track's title as the source has it", NOT_NULL),
        dg.TableColumn("artists", "text", "Its artists, separated by commas", NOT_NULL),
        dg.TableColumn("artist_ids", "text[]", "Spotify's ids of those, where the source gives them", NOT_NULL),
        dg.TableColumn("streams", "bigint", "Streams on that day; null where the source doesn't count them"),
    ],
    constraints=keyed_by("source", "chart", "chart_date", "position"),
)
ANSWERED = dg.AssetCheckSpec(
    "first_source_answered",
    asset="global_top_50",
    description="The first of TOP_50_SOURCES gave a chart; otherwise says why not, and who stood in for it.",
    metadata=what_to_expect(
        "WARN", "nothing for a day, since it is asked again every half hour; then see whether its page has moved"
    ),
)
# Asked for every half hour until the day's chart is there, so once a day at the least.
FRESH = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=26), fail_window=timedelta(hours=50))


def global_top_50_asset(fetch_days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset, over the partitions that all fetched data shares."""

    @dg.asset(
        partitions_def=fetch_days,
        group_name="charts",
        owners=[OWNER],
        kinds={"python", "postgres"},
        metadata={"dagster/column_schema": COLUMNS, "dagster/relation_identifier": "raw.chart_entries"},
        check_specs=[ANSWERED],
        freshness_policy=FRESH,
        description=(
            "One row for each position of the world's top 50, day by day and source by source.\n\n"
            "A partition is the UTC day on which the sources were asked. Materializing **today** asks the first of "
            "`TOP_50_SOURCES`, and the others where that one has nothing new; the whole page lands in the lake. A "
            "**past** day is loaded again from the lake. Series of different sources are never mixed."
        ),
    )
    def global_top_50(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        lake: dg.ResourceParam[Lake],
        spotify: dg.ResourceParam[SpotifyAccess],
        clock: dg.ResourceParam[Clock],
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
        with a_sentence_for_a_person():
            days = days_of(context, clock)
            if days.asks:
                with open_sources(settings(), spotify, clock) as sources:
                    done = attempt(warehouse, lake, sources, clock.now())
                yield from _results_of_attempt(warehouse, done)
                return
            with while_nobody_is_erased(warehouse):
                keys, said = days.landed(lake, DATASET, gone=GONE)
                loaded = load_charts(warehouse, lake, keys)
            nobody = _verdict("Nobody was called: the lake was loaded again.", passed=True)
            yield _result(warehouse, said, len(keys), len(loaded.faults), nobody)

    return global_top_50


def _results_of_attempt(
    warehouse: Warehouse, done: Attempt
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult[None]]:
    """Raises `UserError` where no source gave a chart all day, or a page has changed its shape.

    The check is reported before that: it would keep what it said of an earlier run.
    """
    said = " ".join(outcome.said for outcome in done.outcomes)
    if done.is_done:
        said = f"{said} The day is done."
    check = _verdict(said, passed=not done.outcomes[0].failed)
    if done.loaded.faults or not done.was_read:
        yield check
        raise UserError(said)
    yield _result(warehouse, said, done.loaded.pages, len(done.loaded.faults), check)


def _verdict(said: str, *, passed: bool) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        check_name=ANSWERED.name, passed=passed, severity=dg.AssetCheckSeverity.WARN, description=said
    )


def _result(
    warehouse: Warehouse, said: str, pages: int, unreadable: int, check: dg.AssetCheckResult
) -> dg.MaterializeResult[None]:
    with warehouse.connect() as connection:
        [row] = connection.execute(
            "select count(*), min(chart_date), max(chart_date) from raw.chart_entries"
        ).fetchall()
        top = connection.execute(
            """
            select c.position, c.title, c.artists, c.streams
            from raw.chart_entries as c
            inner join (
                select source, chart, chart_date
                from ops.chart_pages
                order by fetched_at desc, lake_key desc
                limit 1
            ) as newest using (source, chart, chart_date)
            order by c.position
            limit 10
            """
        ).fetchall()
    metadata: dict[str, Any] = {
        "what_happened": said,
        "dagster/row_count": row[0],
        "pages": pages,
        "unreadable": unreadable,
        "top_10": dg.MetadataValue.md(markdown_table(["", "title", "artists", "streams"], top)),
    }
    if isinstance(row[1], date) and isinstance(row[2], date):
        metadata |= {"first_chart": row[1].isoformat(), "newest_chart": row[2].isoformat()}
    return dg.MaterializeResult(metadata=metadata, check_results=[check])
