"""The schedule of the charts: every 30 minutes until the first source has the day's chart."""

import dagster as dg

from spotify_assets.charts.attempt import is_done
from spotify_assets.charts.sources import series_of
from spotify_assets.clock import clock_from, today
from spotify_assets.errors import UserError
from spotify_assets.fetched import ASKED_ON_TAG
from spotify_assets.settings import settings
from spotify_assets.storage.warehouse import open_warehouse


def charts_schedule(cron: str = "9,39 * * * *") -> dg.ScheduleDefinition:
    """Asks for today's chart, and skips with a reason once it is there."""

    @dg.schedule(
        name="charts_every_30_minutes_until_published",
        job_name="charts",
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Asks the sources of the world's top 50 until the first one has a chart that is new today.",
    )
    def charts_every_30_minutes_until_published(
        context: dg.ScheduleEvaluationContext,
    ) -> dg.RunRequest | dg.SkipReason:
        try:
            chosen = settings()
            clock = clock_from(chosen)
            first = series_of(chosen.top_50_sources[0])
            if is_done(open_warehouse(chosen), first, clock.now()):
                return dg.SkipReason(f"{first[0]} has given today's chart.")
            day = today(clock).isoformat()
        except UserError as error:
            return dg.SkipReason(str(error))
        return dg.RunRequest(
            run_key=context.scheduled_execution_time.isoformat(), partition_key=day, tags={ASKED_ON_TAG: day}
        )

    return charts_every_30_minutes_until_published
