"""A listener's files: their folders in the lake, the inbox into which exports are dropped, and what dbt notes."""

import re
import shutil
from pathlib import Path

from spotify_assets.errors import UserError
from spotify_assets.listeners.history import Person
from spotify_assets.storage.lake import Lake

_DATASET = re.compile("[a-z0-9_]+/")


def lake_folders(lake: Lake, user_id: str) -> list[str]:
    """The listener's folders in the lake that hold something: one in each dataset, and the inbox."""
    datasets = [folder for folder in lake.folders("") if _DATASET.fullmatch(folder)]
    wanted = [*(f"{dataset}user={user_id}/" for dataset in datasets), f"inbox/{user_id}/"]
    above = {*datasets, "inbox/"}
    there = {folder for parent in above for folder in lake.folders(parent)}
    return [folder for folder in wanted if folder in there]


def count_in_lake(lake: Lake, user_id: str) -> int:
    """How many objects of the listener the lake holds; an empty folder counts as one."""
    return sum(max(1, sum(1 for _ in lake.list(folder))) for folder in lake_folders(lake, user_id))


def delete_from_lake(lake: Lake, user_id: str) -> None:
    """Deletes all that the lake holds of the listener. What was begun and not ended is ended by doing it again."""
    for folder in lake_folders(lake, user_id):
        lake.delete_folder(folder)


def inbox(home: Path, user_id: str) -> Path:
    """The folder in the home into which the listener's exports are dropped."""
    return home / "inbox" / user_id


def count_in_inbox(home: Path, user_id: str) -> int:
    """How many files the listener's inbox in the home holds; an empty one counts as one."""
    folder = inbox(home, user_id)
    return max(1, sum(path.is_file() for path in folder.rglob("*"))) if folder.exists() else 0


def delete_inbox(home: Path, user_id: str) -> None:
    """Deletes the listener's inbox in the home. Raises `UserError` where it can't."""
    folder = inbox(home, user_id)
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise UserError(
            f"The inbox {folder} can't be deleted ({error.strerror}: {error.filename}); delete it, and run again."
        ) from error


def count_in_dbt_notes(home: Path, user_id: str) -> int:
    """How many of dbt's logs and results in the home name the listener, as an error that quotes a row does."""
    person = Person(user_id)
    return sum(person.is_named_in(path.read_text(errors="replace")) for path in _dbt_notes(home))


def delete_dbt_notes(home: Path) -> None:
    """Deletes dbt's logs and results in the home, which nothing reads; dbt makes them anew."""
    for path in _dbt_notes(home):
        path.unlink(missing_ok=True)


def _dbt_notes(home: Path) -> list[Path]:
    return [path for name in ("dbt.log*", "run_results.json") for path in (home / "dbt").rglob(name) if path.is_file()]
