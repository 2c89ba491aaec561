"""Running Dagster jobs in this process, in the history that the UI shows."""

import fcntl
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from spotify_assets.errors import UserError
from spotify_assets.failures import failure_among
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


@contextmanager
def dagster_history(settings: Settings) -> Iterator[dg.DagsterInstance]:
    """Dagster's history, opened. Of two processes that begin one at once, one makes its tables and the other waits."""
    # The folder itself is locked: where Dagster keeps its history in Postgres nobody needs to write into it.
    folder = os.open(dagster_home(settings), os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        instance = dg.DagsterInstance.get()
        _ = instance.run_storage, instance.event_log_storage, instance.schedule_storage
    finally:
        os.close(folder)
    with instance:
        yield instance


def run_job(
    name: str,
    settings: Settings,
    *,
    tags: Mapping[str, str],
    partition: str | None = None,
    only: Sequence[str] | None = None,
    with_checks: bool = True,
) -> dg.ExecuteInProcessResult:
    """Runs a job, or `only` some of its assets, to its end. Raises `UserError` with the failed step's sentence.

    Without checks there are still those that an asset makes itself.
    """
    from spotify_assets.definitions import defs

    with dagster_history(settings) as instance:
        job = defs().resolve_job_def(name)
        if only:
            chosen = {dg.AssetKey(asset) for asset in only}
            made = {key for asset in chosen for key in job.asset_layer.get(asset).assets_def.check_keys}
            job = job.get_subset(asset_selection=chosen, asset_check_selection=None if with_checks else made)
        result = job.execute_in_process(
            run_config=QUIET, instance=instance, partition_key=partition, tags=tags, raise_on_error=False
        )
    if not result.success:
        raise UserError(failure_of(result))
    skipped = sorted({str(event.step_key) for event in result.all_events if event.is_step_skipped})
    if skipped:
        # Dagster calls such a run a success; nothing here is meant to be skipped.
        raise UserError(
            f"Run {result.run_id} left out {', '.join(skipped)}: please report this; `make dev` shows more."
        )
    return result


def failure_of(result: dg.ExecuteInProcessResult) -> str:
    """Why a run failed, in one line."""
    return failure_among(result.all_events) or f"Run {result.run_id} failed; `make dev` shows why."
