"""Whether lake and ledger agree: what landed and was not loaded, and what was loaded and is gone."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from spotify_assets.storage.lake import Lake, is_key
from spotify_assets.storage.landed import folders_of_people
from spotify_assets.storage.warehouse import Warehouse

MOST_NAMED = 10


@dataclass
class Agreement:
    """How a dataset stands: objects in the lake, and how many are in one of both only. Of those ten each are named."""

    landed: int = 0
    not_loaded_count: int = 0
    gone_count: int = 0
    not_loaded: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)

    def add(self, in_lake: set[str], in_ledger: set[str]) -> None:
        """Takes in what the lake holds of a listener and what finished loads have noted."""
        not_loaded, gone = sorted(in_lake - in_ledger), sorted(in_ledger - in_lake)
        self.landed += len(in_lake)
        self.not_loaded_count += len(not_loaded)
        self.gone_count += len(gone)
        self.not_loaded = [*self.not_loaded, *not_loaded][:MOST_NAMED]
        self.gone = [*self.gone, *gone][:MOST_NAMED]


def agreement(warehouse: Warehouse, lake: Lake, *datasets: str) -> Agreement:
    """Compares a listing of datasets with the ledger, a listener at a time, so that memory doesn't grow with them."""
    found = Agreement()
    for dataset in datasets:
        for folder in sorted({*folders_of_people(lake, dataset), *_folders_in_the_ledger(warehouse, dataset)}):
            found.add(set(filter(is_key, lake.list(folder))), set(_noted(warehouse, dataset, folder)))
    return found


def _folders_in_the_ledger(warehouse: Warehouse, dataset: str) -> Iterator[str]:
    with warehouse.connect() as connection:
        rows = connection.execute(
            "select distinct user_id from ops.landed_objects where dataset = %s", (dataset,)
        ).fetchall()
    yield from (f"{dataset}/user={user_id}/" if user_id else f"{dataset}/" for (user_id,) in rows)


def _noted(warehouse: Warehouse, dataset: str, folder: str) -> Iterator[str]:
    user_id = folder.rstrip("/").rpartition("user=")[2] if "/user=" in folder else None
    with warehouse.connect() as connection:
        rows = connection.execute(
            """
            select lake_key
            from ops.landed_objects
            where dataset = %s and user_id is not distinct from %s and loaded_version is not null
            """,
            (dataset, user_id),
        ).fetchall()
    yield from (str(key) for (key,) in rows)
