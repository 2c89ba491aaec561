"""How a dbt model or seed looks as a Dagster asset: its group is its layer, its name is its table's."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject

from spotify_assets.modelling.wording import asks, severity, what_to_do
from spotify_assets.questions import what_to_expect

OWNER = "team:listening"
# With a login a tick builds each half hour, which the policy of raw_plays watches; who only imports has a build a day,
# that of the charts.
FRESH = dg.FreshnessPolicy.time_window(warn_window=timedelta(hours=26), fail_window=timedelta(hours=50))


def check_name(test: Mapping[str, Any], asset: str) -> str:
    """A dbt test's own name where it was given one, else the rule and the column: dbt's generated names list them all.

    The asset's name is left out: Dagster shows it beside the check's.
    """
    rule = (test.get("test_metadata") or {}).get("name")
    if rule is None or not test["name"].startswith(rule):
        return str(test["name"]).removeprefix(f"{asset}_")
    column = test.get("column_name")
    return f"{rule}_{column}" if column else str(rule)


class LayerTranslator(DagsterDbtTranslator):
    """Groups models by layer and names their tables; what they say of themselves comes from dbt."""

    def __init__(self) -> None:
        # All sources of one load are one asset.
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        props = self.get_resource_props(manifest, unique_id)
        if props["resource_type"] not in ("model", "seed"):
            return spec
        return spec.replace_attributes(
            freshness_policy=FRESH if props["schema"] == "marts" else None,
            key=dg.AssetKey(props["name"]),
            group_name=props["schema"],
            owners=[OWNER],
            description=props["description"].strip(),
        ).merge_attributes(metadata={"dagster/table_name": f"{props['schema']}.{props['alias']}"})

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetCheckSpec | None:
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if spec is None:
            return None
        test = manifest["nodes"][unique_id]
        return dg.AssetCheckSpec(
            name=check_name(test, spec.asset_key.to_user_string()),
            asset=spec.asset_key,
            description=test.get("description") or asks(test),
            additional_deps=spec.additional_deps,
            metadata={**spec.metadata, **what_to_expect(severity(test), what_to_do(test))},
            # A broken test fails its op, which keeps the marts; Dagster's own gate would warn on each quiet tick.
            blocking=False,
        )
