"""The job `nightly_audit`: every check over everything that is stored, dbt's tests over all rows among them.

It publishes nothing: the tests read what is there, while nobody builds. Only what a load left to build meanwhile is
built before the lock is let go, as after every build.
"""

from collections.abc import Sequence

import dagster as dg

from spotify_assets.catalog.assets import ARTIST_KINDS, MUSICBRAINZ_ANSWERED, SPOTIFY_ANSWERED, TRACK_KINDS
from spotify_assets.catalog.enrichment import datasets
from spotify_assets.catalog.genres import DATASET as GENRES
from spotify_assets.charts.assets import ANSWERED
from spotify_assets.charts.loading import DATASET as CHARTS
from spotify_assets.errors import UserError
from spotify_assets.listening.assets import POLLED
from spotify_assets.listening.exports.manifest import DATASET as EXPORTS
from spotify_assets.listening.ledger import DATASET as PLAYS
from spotify_assets.questions import what_to_expect
from spotify_assets.settings import settings
from spotify_assets.storage.agreement import Agreement, agreement
from spotify_assets.storage.lake import Lake
from spotify_assets.storage.postgres_home import PostgresHome
from spotify_assets.storage.warehouse import Warehouse

_DATASETS = {
    "raw_plays": (PLAYS,),
    "streaming_history": (EXPORTS,),
    "track_metadata": datasets(TRACK_KINDS),
    "artist_metadata": (*datasets(ARTIST_KINDS), GENRES),
    "global_top_50": (CHARTS,),
}
_COUNTED = {
    "raw_plays": "select play_count, (select count(*) from raw.plays) from ops.raw_version",
    "streaming_history": "select stream_count, (select count(*) from raw.streams) from ops.raw_version",
}
_NAME = "lake_and_ledger_agree"
_REMEDY = "for what is not loaded `spotify-assets replay`; for what is gone from the lake restore it from a backup"

NOT_IN_A_TICK = dg.AssetSelection.checks(*(dg.AssetCheckKey(dg.AssetKey(asset), _NAME) for asset in _DATASETS))
"""What reads everything that is stored, whatever the run is about."""
_TOLD_BY_THE_FETCH = dg.AssetSelection.checks(
    POLLED.key, ANSWERED.key, MUSICBRAINZ_ANSWERED.key, *(spec.key for spec in SPOTIFY_ANSWERED.values())
)

NIGHTLY_AUDIT = dg.define_asset_job(
    "nightly_audit",
    selection=dg.AssetSelection.all_asset_checks() - _TOLD_BY_THE_FETCH,
    description="Every check over everything that is stored, dbt's tests over all rows, and lake against ledger.",
)


def nightly_audit_schedule(cron: str = "23 3 * * *") -> dg.ScheduleDefinition:
    """Once a night, when few listen."""

    @dg.schedule(
        name="nightly_audit_daily",
        job_name="nightly_audit",
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Looks once a night whether everything that is stored is right.",
    )
    def nightly_audit_daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        try:
            chosen = settings()
        except UserError as error:
            return dg.SkipReason(str(error))
        if chosen.database_url is None and PostgresHome(chosen.home_path).data() is None:
            return dg.SkipReason("Nothing has been stored yet.")
        return dg.RunRequest(run_key=context.scheduled_execution_time.isoformat())

    return nightly_audit_daily


def agreement_checks() -> list[dg.AssetChecksDefinition]:
    """On each asset that is fetched: whether lake, ledger and rows agree. Only `nightly_audit` asks them."""
    return [_agreement_check(asset, found) for asset, found in _DATASETS.items()]


def _agreement_check(asset: str, of: Sequence[str]) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=asset,
        name=_NAME,
        description="All that lies in the lake is loaded, all that was loaded still lies there, and rows were counted "
        "right. Lists the whole lake.",
        metadata=what_to_expect("WARN", _REMEDY),
    )
    def check(warehouse: dg.ResourceParam[Warehouse], lake: dg.ResourceParam[Lake]) -> dg.AssetCheckResult:
        found = agreement(warehouse, lake, *of)
        counts = _counts(warehouse, asset)
        wrong = [*_disagreements(found), *counts]
        return dg.AssetCheckResult(
            passed=not wrong,
            severity=dg.AssetCheckSeverity.WARN,
            description=" ".join(wrong) or f"All {found.landed} landed objects are loaded and there.",
            metadata={"landed": found.landed, "not_loaded": found.not_loaded, "gone": found.gone},
        )

    return check


def _disagreements(found: Agreement) -> list[str]:
    said = []
    if found.not_loaded_count:
        said.append(
            f"{found.not_loaded_count} of {found.landed} landed objects are not loaded; the sensor "
            "landed_but_not_loaded asks for a run, or `spotify-assets replay` loads them now."
        )
    if found.gone_count:
        said.append(
            f"{found.gone_count} objects that were loaded are not in the lake any more; restore them from a backup, "
            "for a lost database could not be made again without them."
        )
    return said


def _counts(warehouse: Warehouse, asset: str) -> list[str]:
    if asset not in _COUNTED:
        return []
    with warehouse.connect() as connection:
        [(noted, stored)] = connection.execute(_COUNTED[asset].encode()).fetchall()
    if noted == stored:
        return []
    return [f"{stored} rows are stored, and the loads have counted {noted}; please report this."]
