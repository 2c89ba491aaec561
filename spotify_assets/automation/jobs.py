"""The jobs: which assets run together, under the names that `spotify-assets` uses."""

import dagster as dg

from spotify_assets.automation.connections import connections_job
from spotify_assets.automation.digest.job import weekly_digest_job
from spotify_assets.automation.freshness import at_their_own_time, freshness_checks
from spotify_assets.automation.housekeeping import housekeeping_job
from spotify_assets.automation.nightly import NIGHTLY_AUDIT, NOT_IN_A_TICK
from spotify_assets.fetched import REPLAY_TAG

_LATER = NOT_IN_A_TICK | at_their_own_time()
_EXPORTS = dg.AssetSelection.assets("streaming_history") - _LATER
# A run has partitions of one kind: exports have their own.
_EVERYTHING = dg.AssetSelection.all() - dg.AssetSelection.assets("streaming_history") - _LATER
_METADATA = dg.AssetSelection.assets("track_metadata", "artist_metadata") - _LATER
_CHARTS = dg.AssetSelection.assets("global_top_50") - _LATER
_MODELS = dg.AssetSelection.groups("staging", "intermediate", "marts") - _LATER

REPLAY = dg.define_asset_job(
    "replay",
    selection=_EVERYTHING,
    tags={REPLAY_TAG: "true"},
    description="Load days again from the lake and build once: the way back from a lost database.",
)
HISTORY_IMPORT = dg.define_asset_job(
    "history_import",
    selection=_EXPORTS | _MODELS,
    description="One export: take it in from the inbox or load it again from the lake, build and check.",
)


def jobs() -> dg.Definitions:
    """`listening` is one tick; `enrichment` and `charts` ask for what was played and what the world plays.

    `replay` loads any range of days from the lake, calls nobody, and builds once; `history_import` loads one export
    and builds. `connections` looks whether everything is reachable, `freshness` whether all that should comes in time,
    `nightly_audit` whether everything stored is right; `housekeeping` deletes old runs, and `weekly_digest` tells
    listeners of their week.
    """
    return dg.Definitions(
        jobs=[
            dg.define_asset_job(
                "listening",
                # What polls bring along needs no call, and a tick waits for nobody else.
                selection=_EVERYTHING - _METADATA - _CHARTS,
                description="One tick: ask Spotify, land, load, build and check the models.",
            ),
            dg.define_asset_job(
                "enrichment",
                selection=_METADATA | _MODELS,
                description="Ask Spotify and MusicBrainz for what was played and is not described yet, and build.",
            ),
            dg.define_asset_job(
                "charts",
                selection=_CHARTS | _MODELS,
                description="Ask for the world's top 50 of the day, and build.",
            ),
            REPLAY,
            HISTORY_IMPORT,
            NIGHTLY_AUDIT,
            connections_job(),
            dg.define_asset_job(
                "freshness",
                selection=freshness_checks(),
                description="Look whether everybody is asked about, charts come, and plays are as many as usual.",
            ),
            weekly_digest_job(),
            housekeeping_job(),
        ]
    )
