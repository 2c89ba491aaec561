"""The jobs: which assets run together, under the names that `spotify-assets` uses."""

import dagster as dg

from spotify_assets.automation.connections import connections_job
from spotify_assets.fetched import REPLAY_TAG


def jobs() -> dg.Definitions:
    """`listening` is one tick; `enrichment` and `charts` ask for what was played and what the world plays.

    `replay` loads any range of days from the lake, calls nobody, and builds once; `history_import` loads one export
    and builds. `connections` looks whether everything is reachable.
    """
    exports = dg.AssetSelection.assets("streaming_history")
    # A run has partitions of one kind: exports have their own.
    everything = dg.AssetSelection.all() - exports
    metadata = dg.AssetSelection.assets("track_metadata", "artist_metadata")
    charts = dg.AssetSelection.assets("global_top_50")
    models = dg.AssetSelection.groups("staging", "intermediate", "marts")
    return dg.Definitions(
        jobs=[
            dg.define_asset_job(
                "listening",
                # What polls bring along needs no call, and a tick waits for nobody else.
                selection=everything - metadata - charts,
                description="One tick: ask Spotify, land, load, build and check the models.",
            ),
            dg.define_asset_job(
                "enrichment",
                selection=metadata | models,
                description="Ask Spotify and MusicBrainz for what was played and is not described yet, and build.",
            ),
            dg.define_asset_job(
                "charts",
                selection=charts | models,
                description="Ask for the world's top 50 of the day, and build.",
            ),
            dg.define_asset_job(
                "replay",
                selection=everything,
                tags={REPLAY_TAG: "true"},
                description="Load days again from the lake and build once: the way back from a lost database.",
            ),
            dg.define_asset_job(
                "history_import",
                selection=exports | models,
                description="One export: take it in from the inbox or load it again from the lake, build and check.",
            ),
            connections_job(),
        ]
    )
