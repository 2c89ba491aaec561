"""Running Dagster jobs in this process, in the history that the UI shows."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import dagster as dg

from spotify_assets.errors import UserError
from spotify_assets.packaged import packaged
from spotify_assets.settings import Settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def dagster_home(settings: Settings) -> Path:
    """Dagster's history: `DAGSTER_HOME`, by default `dagster` under the home, made on first use."""
    home = Path(os.environ.get("DAGSTER_HOME") or settings.home_path / "dagster").absolute()
    os.environ["DAGSTER_HOME"] = str(home)
    config = home / "dagster.yaml"
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not config.exists():
            shutil.copyfile(packaged("dagster.yaml"), config)
    except OSError as error:
        raise UserError(
            f"Dagster's history can't be kept in {home}: {error.strerror}. Set DAGSTER_HOME elsewhere."
        ) from error
    return home


def run_job(
    name: str,
    settings: Settings,
    *,
    tags: Mapping[str, str],
    partition: str | None = None,
    only: Sequence[str] | None = None,
) -> dg.ExecuteInProcessResult:
    """Runs a job, or `only` some of its assets, to its end. Raises `UserError` with the failed step's sentence."""
    from spotify_assets.definitions import defs

    dagster_home(settings)
    job = defs().resolve_job_def(name)
    with dg.DagsterInstance.get() as instance:
        result = job.execute_in_process(
            run_config=QUIET,
            instance=instance,
            partition_key=partition,
            tags=tags,
            asset_selection=[dg.AssetKey(asset) for asset in only] if only else None,
            raise_on_error=False,
        )
    if not result.success:
        raise UserError(failure_of(result))
    return result


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """Why a run failed, in one line: the first failed step's own sentence."""
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            if data.user_failure_data and data.user_failure_data.description:
                return str(data.user_failure_data.description)
            if data.error:
                return _last_sentence(data.error.cause.message if data.error.cause else data.error.message)
    for event in result.all_events:
        if event.is_failure and event.message:
            return event.message
    return f"Run {result.run_id} failed; `make dev` shows why."


def _last_sentence(message: str) -> str:
    return message.strip().splitlines()[-1].split(": ", 1)[-1]
