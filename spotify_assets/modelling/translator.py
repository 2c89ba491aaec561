"""How a dbt model looks as a Dagster asset: its group is its layer, its name is its table's."""

from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject

OWNER = "team:listening"


class LayerTranslator(DagsterDbtTranslator):
    """Groups models by layer and names their tables; what they say of themselves comes from dbt."""

    def __init__(self) -> None:
        # All sources of one load are one asset.
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        spec = super().get_asset_spec(manifest, unique_id, project)
        props = self.get_resource_props(manifest, unique_id)
        if props["resource_type"] != "model":
            return spec
        return spec.replace_attributes(
            key=dg.AssetKey(props["name"]),
            group_name=props["schema"],
            owners=[OWNER],
            description=props["description"].strip(),
        ).merge_attributes(metadata={"dagster/table_name": f"{props['schema']}.{props['alias']}"})
