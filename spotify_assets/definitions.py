"""Everything put together, and nothing else: the code location that Dagster loads.

Importing this module opens nothing but modules; the definitions are made when Dagster asks for them.
"""

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """The code location. Reads the environment and dbt's manifest, and connects to nothing."""
    from spotify_assets.automation.jobs import jobs
    from spotify_assets.automation.nightly import agreement_checks
    from spotify_assets.automation.schedules import schedules
    from spotify_assets.automation.sensors import sensors
    from spotify_assets.catalog.assets import catalog_assets
    from spotify_assets.catalog.checks import catalog_checks
    from spotify_assets.charts.assets import global_top_50_asset
    from spotify_assets.charts.checks import chart_checks
    from spotify_assets.listening.assets import raw_plays_asset
    from spotify_assets.listening.checks import checks
    from spotify_assets.listening.exports.assets import streaming_history_asset
    from spotify_assets.listening.exports.checks import export_checks
    from spotify_assets.modelling.assets import build_dbt_assets, dbt_builds
    from spotify_assets.modelling.drift_checks import drift_checks
    from spotify_assets.modelling.project import find_project
    from spotify_assets.partitions import fetch_days
    from spotify_assets.resources import resources
    from spotify_assets.settings import settings

    days = fetch_days(settings().lake_start)
    project = find_project(settings().home_path)
    return dg.Definitions.merge(
        dg.Definitions(
            assets=[
                raw_plays_asset(days),
                streaming_history_asset(),
                global_top_50_asset(days),
                *catalog_assets(days),
                *build_dbt_assets(project),
            ],
            asset_checks=[
                *checks(),
                *export_checks(),
                *chart_checks(),
                *catalog_checks(),
                *agreement_checks(),
                *drift_checks(),
            ],
            resources={**resources(), "dbt_builds": dbt_builds(project)},
            executor=dg.in_process_executor,
        ),
        jobs(),
        schedules(),
        sensors(),
    )
