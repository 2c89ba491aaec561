"""The listener's objects of the lake, as they lie there."""

from collections.abc import Callable, Sequence

from spotify_assets.errors import UserError
from spotify_assets.listeners.files import lake_folders
from spotify_assets.storage.lake import Lake, LakeCorrupt, decode, is_key, read_concurrently
from spotify_assets.takeout.folder import RAW, Folder

_EVERY = 100  # objects between two words on how far it is


def object_keys(lake: Lake, user_id: str) -> list[str]:
    """The keys of all payloads that were landed for the listener, whatever the dataset."""
    return [key for folder in lake_folders(lake, user_id) for key in lake.list(folder) if is_key(key)]


def copy_objects(
    lake: Lake, keys: Sequence[str], folder: Folder, progress: Callable[[int], None]
) -> tuple[int, list[str]]:
    """Copies objects byte for byte; returns their bytes in all, and what is to be said of those that are damaged."""
    size, problems = 0, []
    for number, (key, stored) in enumerate(read_concurrently(lake.stored, keys), 1):
        if isinstance(stored, UserError):
            raise stored
        with folder.writing(f"{RAW}/{key}", sync=False) as file:
            file.write(stored)
        size += len(stored)
        try:
            decode(key, stored)
        except LakeCorrupt as damaged:
            problems.append(f"{damaged} It was copied as it is.")
        if number % _EVERY == 0:
            progress(number)
    return size, problems
