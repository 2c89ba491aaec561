"""The job `connections`: looks once a day at what `spotify-assets doctor` does, so that failures are told as usual."""

from collections.abc import Iterator
from contextlib import nullcontext

import dagster as dg

from spotify_assets.health.examination import examine
from spotify_assets.health.findings import Finding
from spotify_assets.settings import settings


def connections_job() -> dg.JobDefinition:
    """Looks at everything; each finding is in the log and in the output's metadata. Fails where something is red."""

    @dg.op(
        out=dg.Out(dg.Nothing, description="What was found, in its metadata"),
        description="Postgres, lake, logins, Spotify and each listener, budget, charts, Slack, heartbeat, Dagster.",
    )
    def look_at_connections(context: dg.OpExecutionContext) -> Iterator[dg.Output[None]]:
        found = examine(settings(), lambda: nullcontext(context.instance))
        for finding in found:
            _tell(context.log, finding)
        yield dg.Output(None, metadata={finding.name: f"{finding.status}: {_sentence(finding)}" for finding in found})
        red = [finding for finding in found if finding.status == "red"]
        if red:
            told = "; ".join(f"{finding.name}: {_sentence(finding)}".rstrip(".") for finding in red)
            raise dg.Failure(f"{len(red)} of {len(found)} connections do not work: {told}.", allow_retries=False)

    @dg.job(
        name="connections",
        executor_def=dg.in_process_executor,
        description="Look at everything this pipeline is connected to, as `spotify-assets doctor` does.",
    )
    def connections() -> None:
        look_at_connections()

    return connections


def connections_schedule(cron: str = "13 7 * * *") -> dg.ScheduleDefinition:
    """Once a day, away from the full hour, at which token refreshes were seen to fail."""
    return dg.ScheduleDefinition(
        name="connections_daily",
        job_name="connections",
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Says in the morning what does not work, rather than when it is needed.",
    )


def _sentence(finding: Finding) -> str:
    return f"{finding.says}; {finding.remedy}" if finding.remedy else finding.says


def _tell(log: dg.DagsterLogManager, finding: Finding) -> None:
    tell = {"green": log.info, "yellow": log.warning, "red": log.error}[finding.status]
    tell(f"{finding.name}: {finding.status}: {_sentence(finding)}")
