"""The folder of a takeout: whose it is, whole files only, and nothing in it that isn't ours.

A hidden marker says whose takeout it is and which files belong to it. The README goes first and comes last: a folder
without one holds a takeout that was cut off, and running again makes it whole.
"""

import fcntl
import json
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from spotify_assets.errors import UserError
from spotify_assets.storage.lake import is_key
from spotify_assets.storage.private_files import sync_folder

README = "README.md"
RAW = "raw"
MARKER = ".spotify-assets-export"
_UNFINISHED = ".part"


@dataclass(frozen=True)
class Folder:
    """The folder of one listener's takeout, while this process alone writes there."""

    path: Path
    user_id: str

    def begin(self, names: Collection[str]) -> None:
        """From here on the folder holds no whole takeout; `names` are the files that will belong to it."""
        self._mark({*names, *_marked(self.path)[1]})
        (self.path / README).unlink(missing_ok=True)
        sync_folder(self.path)
        for unfinished in [*self.path.glob(f"*{_UNFINISHED}"), *self.path.glob(f"{RAW}/**/*{_UNFINISHED}")]:
            unfinished.unlink()

    @contextmanager
    def writing(self, name: str, *, sync: bool = True) -> Iterator[BinaryIO]:
        """A file that appears under its name, a path within the folder, when the block ends well."""
        path = self.path / name
        unfinished = path.with_name(path.name + _UNFINISHED)
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with unfinished.open("wb") as file:
                yield file
                file.flush()
                if sync:
                    os.fsync(file.fileno())
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    def finish(self, names: Collection[str], keys: Collection[str], readme: str) -> None:
        """Removes what an earlier takeout had and this one has not, and says, by the README, that this one is whole."""
        for name in {*_marked(self.path)[1]} - {*names}:
            (self.path / name).unlink(missing_ok=True)
        for key in {*_below(self.path / RAW)} - {*keys}:
            (self.path / RAW / key).unlink()
        self._mark(names)
        os.sync()  # the objects below raw/, which are too many to wait for each
        with self.writing(README) as file:
            file.write(readme.encode())
        sync_folder(self.path)

    def size(self, name: str) -> int:
        """The bytes of a file."""
        return (self.path / name).stat().st_size

    def _mark(self, names: Collection[str]) -> None:
        with self.writing(MARKER) as file:
            file.write(json.dumps({"listener": self.user_id, "files": sorted(names)}, indent=2).encode())


@contextmanager
def open_folder(path: Path, user_id: str) -> Iterator[Folder]:
    """The folder, made where it is missing. Raises `UserError` where it can't be used for this listener."""
    with _problems_as_sentences(path):
        # Somebody's whole listening: for their eyes, unless the folder was there before.
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
        with _alone(path):
            _check(path, user_id)
            yield Folder(path, user_id)


def _check(path: Path, user_id: str) -> None:
    owner, files = _marked(path)
    known = {MARKER, README, *files} if owner is not None else set()
    known |= {MARKER + _UNFINISHED, *(name + _UNFINISHED for name in known)}
    for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
        if entry.name == RAW and owner is not None and entry.is_dir(follow_symlinks=False):
            strangers = [key for key in _below(path / RAW) if not is_key(key.removesuffix(_UNFINISHED))]
            stranger = f"{RAW}/{strangers[0]}" if strangers else None
        else:
            stranger = entry.name if entry.name not in known or entry.is_dir(follow_symlinks=False) else None
        if stranger is not None:
            raise UserError(
                f"{path} holds {stranger!r}, which is of no earlier export; name a folder that is empty or not there."
            )
    if owner not in (None, user_id):
        raise UserError(f"{path} holds the export of {owner}; give {user_id} a folder of their own.")


def _marked(path: Path) -> tuple[str | None, list[str]]:
    """Whose takeout the folder holds, and its files; nobody's where the marker is missing or not ours."""
    try:
        marked = json.loads((path / MARKER).read_bytes())
        owner, files = marked["listener"], marked["files"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None, []
    # What a marker names is deleted: names only, no paths.
    return str(owner), [name for name in files if isinstance(name, str) and Path(name).name == name]


def _below(folder: Path) -> Iterator[str]:
    """The files below a folder, as paths within it, in order."""
    for above, folders, files in os.walk(folder):
        folders.sort()
        links = [name for name in folders if (Path(above) / name).is_symlink()]
        for name in sorted([*files, *links]):
            yield (Path(above) / name).relative_to(folder).as_posix()


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # Some network drives lock no folders; there two exports at once are up to the person.
        with suppress(OSError):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"Another export is being written to {path}; wait for its end.") from None
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _problems_as_sentences(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        # A write that finds the disk full names no file.
        reason = f"{error.strerror}: {error.filename}" if error.filename else error.strerror or str(error)
        raise UserError(
            f"The export can't be written to {path} ({reason}); "
            "see that it is a folder, writable, and not full, and run the same command again."
        ) from error
