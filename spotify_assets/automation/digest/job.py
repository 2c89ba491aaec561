"""The job `weekly_digest` and its schedule."""

import dagster as dg

from spotify_assets.automation.alerts.slack import HOW_TO
from spotify_assets.automation.digest.posting import post_week, waiting
from spotify_assets.automation.digest.week import last_week
from spotify_assets.clock import clock_from, today
from spotify_assets.errors import UserError
from spotify_assets.fetched import a_sentence_for_a_person
from spotify_assets.settings import Settings, settings
from spotify_assets.storage.postgres_home import PostgresHome
from spotify_assets.storage.warehouse import open_warehouse


def weekly_digest_job() -> dg.JobDefinition:
    """Posts what was not posted yet of the last whole week. Fails where Slack does not take one."""

    @dg.op(out=dg.Out(dg.Nothing), description="One message for each listener, with the week as the marts have it.")
    def post_digests(context: dg.OpExecutionContext) -> None:
        with a_sentence_for_a_person():
            chosen = settings()
            warehouse, clock = open_warehouse(chosen), clock_from(chosen)
            week = last_week(today(clock))
            users = waiting(warehouse, week)
            if isinstance(users, str):
                context.log.info(users)
                return
            done = post_week(chosen, warehouse, clock, week, users)
            context.log.info(f"Posted {done.posted} of {len(users)} digests of the week from {week}.")
            if done.problems:
                told = "; ".join(f"{user_id}: {problem}" for user_id, problem in done.problems.items())
                raise UserError(f"{len(done.problems)} of {len(users)} digests were not posted: {told}")

    @dg.job(
        name="weekly_digest",
        executor_def=dg.in_process_executor,
        description="Tell each listener on Slack how the last week was; who was told is not told again.",
    )
    def weekly_digest() -> None:
        post_digests()

    return weekly_digest


def weekly_digest_schedule(cron: str = "17 10-22 * * 1") -> dg.ScheduleDefinition:
    """On Mondays at 10:17 UTC, when Sunday is over from Hawaii on; hourly until all are posted."""

    @dg.schedule(
        name="weekly_digest",
        job_name="weekly_digest",
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="On Mondays: each listener's last week on Slack, tried hourly until Slack has taken all.",
    )
    def weekly_digest() -> dg.RunRequest | dg.SkipReason:
        try:
            reason = nothing_to_post(settings())
        except UserError as error:
            return dg.SkipReason(str(error))
        return dg.SkipReason(reason) if reason else dg.RunRequest()

    return weekly_digest


def nothing_to_post(chosen: Settings) -> str | None:
    """Why no run is needed; None where one is."""
    if chosen.slack_bot_token is None and chosen.slack_webhook_url is None:
        return f"Slack is not configured: {HOW_TO}."
    if chosen.database_url is None and PostgresHome(chosen.home_path).data() is None:
        return "Nothing has been stored yet."
    users = waiting(open_warehouse(chosen), last_week(today(clock_from(chosen))))
    return users if isinstance(users, str) else None
