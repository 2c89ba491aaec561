"""The lake in a folder. An object appears by linking a finished, synced file to its name: whole or absent."""

import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from spotify_assets.errors import LakeUnavailable
from spotify_assets.storage import lake_memory
from spotify_assets.storage.lake import LakeCorrupt, check_folder, check_key, decode, encode, read_concurrently
from spotify_assets.storage.private_files import ensure_private_folder, sync_folder

_MARKER = ".spotify-assets-lake"
_UNFINISHED = ".unfinished"


class FolderLake:
    """A lake under `root`, which the first use creates; from then on a marker file in it has to be there."""

    def __init__(self, root: Path, home: Path) -> None:
        self._root = root
        self._home = home

    def put(self, key: str, body: bytes) -> bool:
        path = self._path(key)
        with self._problems_as_sentences():
            self._check_it_is_there()
            self._make_folders(path.parent)
            unfinished = self._root / _UNFINISHED / secrets.token_hex(16)
            try:
                with unfinished.open("xb") as file:
                    file.write(encode(body))
                    file.flush()
                    os.fsync(file.fileno())
                path.hardlink_to(unfinished)
                is_new = True
            except FileExistsError:
                is_new = False
            finally:
                unfinished.unlink(missing_ok=True)
            # Also where it was there: its writer may not have come to this line.
            sync_folder(path.parent)
            return is_new

    def get(self, key: str) -> bytes:
        return decode(key, self.stored(key))

    def stored(self, key: str) -> bytes:
        path = self._path(key)
        with self._problems_as_sentences():
            try:
                return path.read_bytes()
            except FileNotFoundError:
                self._check_it_is_there()
                raise KeyError(key) from None

    def get_many(self, keys: Sequence[str]) -> Iterator[tuple[str, bytes | LakeCorrupt]]:
        return read_concurrently(self.get, keys)

    def list(self, prefix: str) -> Iterator[str]:
        with self._problems_as_sentences():
            self._check_it_is_there()
            yield from self._keys_below(self._root, "", prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        with self._problems_as_sentences():
            self._check_it_is_there()
            folder = self._path(prefix.rstrip("/")) if prefix else self._root
            if folder.is_dir():
                yield from sorted(
                    f"{prefix}{entry.name}/"
                    for entry in os.scandir(folder)
                    if entry.is_dir() and not entry.name.startswith(".")
                )

    def delete(self, key: str) -> None:
        path = self._path(key)
        with self._problems_as_sentences():
            self._check_it_is_there()
            path.unlink(missing_ok=True)
            if path.parent.is_dir():
                sync_folder(path.parent)

    def delete_folder(self, prefix: str) -> int:
        folder = self._root / check_folder(prefix)
        with self._problems_as_sentences():
            self._check_it_is_there()
            # What a killed writer left has no name and may be anybody's.
            left = list((self._root / _UNFINISHED).glob("*"))
            for unfinished in left:
                unfinished.unlink(missing_ok=True)
            if not folder.is_dir():
                return len(left)
            count = sum(len(files) for _, _, files in os.walk(folder))
            shutil.rmtree(folder)
            sync_folder(folder.parent)
            return len(left) + count

    def _path(self, key: str) -> Path:
        return self._root / check_key(key)

    def _keys_below(self, folder: Path, above: str, prefix: str) -> Iterator[str]:
        try:
            entries = list(os.scandir(folder))
        except FileNotFoundError:
            # Erased while we list, or is the whole lake gone?
            self._check_it_is_there()
            return
        # "a-b/…" sorts before "a/…", as it does on S3.
        named = sorted((entry.name + "/" if entry.is_dir() else entry.name, entry) for entry in entries)
        for name, entry in named:
            key = above + name
            if name.startswith(".") or not (key.startswith(prefix) or prefix.startswith(key)):
                continue
            if name.endswith("/"):
                yield from self._keys_below(Path(entry.path), key, prefix)
            elif key.startswith(prefix):
                yield key

    def _check_it_is_there(self) -> None:
        marker = self._root / _MARKER
        if marker.exists():
            lake_memory.remember(self._home, str(self._root))
            return
        # Looked for once more: another writer may have begun the lake just now, the marker first and then the note.
        if lake_memory.is_known(self._home, str(self._root)) and not marker.exists():
            note = lake_memory.note_of(self._home, str(self._root))
            what = "is no folder any more" if self._root.exists() and not self._root.is_dir() else "is gone"
            if self._root.is_dir():
                what = f"has lost its marker file {_MARKER}, as an unmounted disk would"
            raise LakeUnavailable(
                f"The lake {self._root} {what}; put it back, or, to begin an empty one there on purpose, delete {note}."
            )
        ensure_private_folder(self._root)
        (self._root / _UNFINISHED).mkdir(exist_ok=True)
        # The marker comes first: with the note alone, a second writer would take this lake for a lost one.
        marker.touch()
        sync_folder(self._root)
        lake_memory.remember(self._home, str(self._root))

    def _make_folders(self, folder: Path) -> None:
        if folder.is_dir():
            return
        # Never above or including the root: a lake that has just gone must not come back empty.
        below = [parent for parent in (folder, *folder.parents) if self._root in parent.parents]
        for missing in reversed(below):
            missing.mkdir(exist_ok=True)
            sync_folder(missing.parent)

    @contextmanager
    def _problems_as_sentences(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            # A write that finds the disk full names no file.
            reason = f"{error.strerror}: {error.filename}" if error.filename else error.strerror
            raise LakeUnavailable(
                f"The lake {self._root} can't be used ({reason}); "
                "put it right (is it there, writable, and not full?) and run again."
            ) from error
