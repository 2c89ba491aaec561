"""The dbt models as Dagster assets: the ops `dbt_audit` (staging and intermediate) and `dbt_marts`.

Dbt's tests are their checks. Importing this imports dagster-dbt, so definitions import it when they are loaded.
"""

from collections.abc import Collection, Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any, Literal

import dagster as dg
from dagster_dbt import dbt_assets

from spotify_assets.modelling.events import check_result, column_schema, materialization
from spotify_assets.modelling.previews import glances
from spotify_assets.modelling.project import Project
from spotify_assets.modelling.session import BuildSession, Outcome
from spotify_assets.modelling.translator import LayerTranslator
from spotify_assets.storage.warehouse import Warehouse

_UNIQUE_ID = "dagster_dbt/unique_id"
_RESOURCES = {"warehouse", "dbt_builds"}


def dbt_builds(project: Project) -> dg.ResourceDefinition:
    """The resource `dbt_builds`: one `BuildSession` a run, whose lock is let go when the run ends.

    Needs the resources `warehouse` (a `Warehouse`) and `clock` (a `Clock`), and an executor that keeps a run in one
    process.
    """

    @dg.resource(required_resource_keys={"warehouse", "clock"}, description="Builds of the dbt models, one at a time.")
    def session(context: dg.InitResourceContext) -> Iterator[BuildSession]:
        builds = BuildSession(context.resources.warehouse, context.resources.clock, project)
        try:
            yield builds
        finally:
            builds.close()

    return session


def build_dbt_assets(project: Project) -> list[dg.AssetsDefinition]:
    """The two assets definitions of the project: what they audit comes before what they publish."""
    manifest = project.manifest()
    translator = LayerTranslator()

    @dbt_assets(
        manifest=manifest,
        select="tag:audit",
        name="dbt_audit",
        dagster_dbt_translator=translator,
        required_resource_keys=_RESOURCES,
    )
    def dbt_audit(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        yield from _run(context, "audit", manifest)

    @dbt_assets(
        manifest=manifest,
        select="tag:marts",
        name="dbt_marts",
        dagster_dbt_translator=translator,
        required_resource_keys=_RESOURCES,
    )
    def dbt_marts(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        yield from _run(context, "marts", manifest)

    return [dbt_audit, dbt_marts]


def _run(
    context: dg.AssetExecutionContext, step: Literal["audit", "marts"], manifest: Mapping[str, Any]
) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
    session: BuildSession = context.resources.dbt_builds
    checks = {
        spec.metadata[_UNIQUE_ID]: spec
        for spec in context.assets_def.check_specs
        if spec.key in context.selected_asset_check_keys
    }
    if not context.selected_asset_keys:
        outcome = session.test([manifest["nodes"][unique_id]["name"] for unique_id in checks])
    elif step == "audit":
        outcome = session.audit(context.run.run_id)
    else:
        outcome = session.marts(context.run.run_id)
    context.log.info(outcome.reason)
    yield from _materializations(context, outcome, manifest)
    for result in outcome.results:
        if result.status == "warn" or result.is_broken:
            (context.log.warning if result.status == "warn" else context.log.error)(result.sentence)
        if result.unique_id in checks and result.status != "skipped":
            yield check_result(result, checks[result.unique_id])
    if outcome.broken and context.selected_asset_keys:
        names = ", ".join(result.name for result in outcome.broken)
        kept = "the marts stay as they were" if step == "audit" else "marts that failed stay as they were"
        raise dg.Failure(
            description=f"The {step} failed at {names}; {kept}. {outcome.broken[0].sentence}", allow_retries=False
        )


def _materializations(
    context: dg.AssetExecutionContext, outcome: Outcome, manifest: Mapping[str, Any]
) -> Iterator[dg.MaterializeResult[None]]:
    assets = {
        spec.metadata[_UNIQUE_ID]: spec.key
        for spec in context.assets_def.specs
        if spec.key in context.selected_asset_keys
    }
    results = {result.unique_id: result for result in outcome.results}
    if outcome.kind == "built":
        made = {key for key, result in results.items() if result.status == "success"}
        if not outcome.broken:
            # Views that a tick left alone show the new rows all the same, and seeds change with the code only. What is
            # not told of would keep Dagster from what comes after it.
            made |= {key for key in assets.keys() - results.keys() if _is_left_alone(manifest, key)}
        assets = {key: asset for key, asset in assets.items() if key in made}
    nodes = {key: manifest["nodes"][key] for key in _upstream_first(manifest, assets)}
    warehouse: Warehouse = context.resources.warehouse
    with warehouse.connect() as connection:
        seen = glances(connection, {key: (node["schema"], node["alias"]) for key, node in nodes.items()})
    for key, node in nodes.items():
        yield materialization(assets[key], outcome, results.get(key), seen.get(key), column_schema(node))


def _is_left_alone(manifest: Mapping[str, Any], unique_id: str) -> bool:
    """Whether a tick doesn't build this node."""
    return manifest["nodes"][unique_id]["config"]["materialized"] in ("view", "seed")


def _upstream_first(manifest: Mapping[str, Any], unique_ids: Collection[str]) -> list[str]:
    """The order in which Dagster wants to hear of them."""
    graph = {key: manifest["nodes"][key]["depends_on"].get("nodes", ()) for key in unique_ids}
    return [key for key in TopologicalSorter(graph).static_order() if key in unique_ids]
