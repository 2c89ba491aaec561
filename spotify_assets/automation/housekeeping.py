"""The job `housekeeping`: Dagster's history doesn't grow for ever, and what dbt left for old code goes.

Nothing here touches the lake or the spool. Old ticks of schedules and sensors go by `retention` in dagster.yaml.
"""

from datetime import timedelta
from pathlib import Path

import dagster as dg

from spotify_assets.automation.old_runs import delete_run, find_old_runs
from spotify_assets.clock import clock_from
from spotify_assets.history_files import forget_deleted_runs
from spotify_assets.modelling.project import delete_old_targets, find_project
from spotify_assets.settings import settings


class Keep(dg.Config):
    """How long things are kept."""

    days: int = 30
    most_runs: int = 2000
    """So many are deleted at most in one run; the next night goes on."""


def housekeeping_job() -> dg.JobDefinition:
    """Deletes what is old, and says how much that was."""

    @dg.op(
        out=dg.Out(dg.Nothing, description="What was deleted, in its metadata"),
        description="Deletes old finished runs with their events and logs, but those that the UI still shows the "
        "latest results of; and what dbt wrote for code that is not used any more.",
    )
    def delete_what_is_old(context: dg.OpExecutionContext, config: Keep) -> dg.Output[None]:
        chosen = settings()
        before = clock_from(chosen).now() - timedelta(days=config.days)
        old = find_old_runs(context.instance, before, config.most_runs)
        for run_id in old.ids:
            delete_run(context.instance, run_id)
        files = forget_deleted_runs(context.instance, Path(context.instance.root_directory))
        targets = delete_old_targets(find_project(chosen.home_path), before)
        said = f"{len(old.ids)} runs from before {before:%Y-%m-%d} are deleted with their events and logs"
        said += f"; {old.kept} are kept, for the latest results are theirs"
        said += "; there are more, which go in the next runs." if old.are_more else "."
        context.log.info(said)
        figures = {"runs": len(old.ids), "runs_kept": old.kept, "files_of_runs": files, "dbt_folders": targets}
        return dg.Output(None, metadata={"what_happened": said, **figures})

    @dg.job(
        name="housekeeping",
        executor_def=dg.in_process_executor,
        description="Delete old runs, their events and logs, and what dbt left behind; never the lake or the spool.",
    )
    def housekeeping() -> None:
        delete_what_is_old()

    return housekeeping


def housekeeping_schedule(cron: str = "11 4 * * *") -> dg.ScheduleDefinition:
    """Once a night, after the audit."""
    return dg.ScheduleDefinition(
        name="housekeeping_daily",
        job_name="housekeeping",
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Deletes once a night what is older than 30 days in Dagster's history.",
    )
