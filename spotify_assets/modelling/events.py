"""dbt's results as Dagster events."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from spotify_assets.modelling.previews import Glance
from spotify_assets.modelling.runner import NodeResult
from spotify_assets.modelling.session import Outcome
from spotify_assets.questions import WHAT_TO_DO


def materialization(
    asset: dg.AssetKey, outcome: Outcome, result: NodeResult | None, glance: Glance | None, schema: dg.TableSchema
) -> dg.MaterializeResult[None]:
    """A model that was built, skipped or left to another run, with what a person wants to know of it."""
    metadata: dict[str, dg.MetadataValue[Any] | int | float | str | dg.TableSchema] = {
        "why": outcome.reason,
        "rows_written": 0,
        "dagster/column_schema": schema,
    }
    if result is not None:
        metadata["seconds"] = result.seconds
        metadata["rows_written"] = result.rows_written or 0
    if outcome.build_id is not None:
        metadata["build"] = outcome.build_id
    if glance is not None and glance.row_count is not None:
        metadata["dagster/row_count"] = glance.row_count
        if glance.is_estimate:
            metadata["row_count_is"] = "Postgres' estimate"
    if glance is not None and glance.preview is not None:
        metadata["preview"] = dg.MetadataValue.md(glance.preview)
    if glance is not None and glance.chart is not None:
        metadata["chart"] = glance.chart
    return dg.MaterializeResult(asset_key=asset, metadata=metadata)


def check_result(result: NodeResult, spec: dg.AssetCheckSpec) -> dg.AssetCheckResult:
    """A test's verdict; a warning does not stop anything. One that did not pass says what to do, on Slack too."""
    metadata: dict[str, int | str] = {}
    if result.failures:
        metadata["failed_rows"] = result.failures
    if result.status != "pass" and result.compiled_path:
        metadata["sql"] = result.compiled_path
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=result.status == "pass",
        severity=dg.AssetCheckSeverity.WARN if result.status == "warn" else dg.AssetCheckSeverity.ERROR,
        description=_said(result, spec),
        metadata=metadata,
    )


def _said(result: NodeResult, spec: dg.AssetCheckSpec) -> str | None:
    if result.status == "pass":
        return result.message or None
    found = " ".join(result.message.split()).rstrip(".")
    if result.failures:
        rows = "1 row" if result.failures == 1 else f"{result.failures} rows"
        found = f"Not so in {rows}: {(spec.description or spec.name).strip().rstrip('.')}"
    return f"{found}; {spec.metadata[WHAT_TO_DO]}."


def column_schema(node: Mapping[str, Any]) -> dg.TableSchema:
    """The columns that dbt's manifest describes, with their types."""
    columns = node["columns"].values()
    return dg.TableSchema(
        [
            dg.TableColumn(column["name"], column["data_type"] or "", description=column["description"])
            for column in columns
        ]
    )
