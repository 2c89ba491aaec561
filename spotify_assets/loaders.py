"""How each dataset of the lake is loaded: for what loads everything, whoever landed it."""

from collections.abc import Callable, Mapping, Sequence

from spotify_assets.catalog.genres import DATASET as GENRES
from spotify_assets.catalog.genres import load_genre_answers
from spotify_assets.catalog.landed import DATASETS as THINGS
from spotify_assets.catalog.landed import load_things
from spotify_assets.charts.loading import DATASET as CHARTS
from spotify_assets.charts.loading import load_charts
from spotify_assets.listening.exports.loading import load_keys
from spotify_assets.listening.exports.manifest import DATASET as EXPORTS
from spotify_assets.listening.ledger import DATASET as PLAYS
from spotify_assets.listening.loading import load_objects
from spotify_assets.storage.lake import Lake
from spotify_assets.storage.warehouse import Warehouse

Load = Callable[[Warehouse, Lake, Sequence[str]], object]
LOADERS: Mapping[str, Load] = {
    PLAYS: load_objects,
    EXPORTS: load_keys,
    **dict.fromkeys(THINGS, load_things),
    GENRES: load_genre_answers,
    CHARTS: load_charts,
}
"""By dataset, in the order in which they are loaded: each takes keys of it, oldest first."""
