"""The inbox: `inbox/<user>/` in the home, and in the bucket where the lake is on S3. What lies in it is an export.

An *entry* is what lies directly below a listener's folder: a zip, a file, or a folder. It is named by its address, such
as `inbox/alex/my_spotify_data.zip` or `s3://bucket/prefix/inbox/alex/my_spotify_data.zip`.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from spotify_assets.errors import UserError
from spotify_assets.listening.exports.sources import Given, LeftAlone, given
from spotify_assets.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

FOLDER = "inbox"


@dataclass(frozen=True)
class Entry:
    """Something that was put into the inbox."""

    address: str
    user_id: str
    """As the folder is named; it need not be a name that a listener can have."""
    signature: str
    """Changes when anything in the entry does: names, sizes, times."""
    changed_at: float
    """The newest change of anything in it, in Unix seconds."""


class Inbox(Protocol):
    """A place for exports. Raises `LakeUnavailable` or `UserError` where it can't be used."""

    def entries(self) -> list[Entry]:
        """What lies in it, by address, in all folders that can be read."""

    def problems(self) -> list[str]:
        """A sentence for each listener's folder that can't be read; the other listeners' are."""

    def given(self, address: str) -> list[Given]:
        """The files of an entry, to be read; none where it is gone."""

    def delete(self, address: str, left_alone: list[LeftAlone]) -> None:
        """Removes an entry whose history is safe in the lake; what was left alone in a folder stays."""


def open_inbox(settings: Settings, s3_client_factory: "Callable[[], S3Client] | None" = None) -> "Inboxes":
    """The inboxes of these settings. Nothing is touched before first use."""
    inboxes: list[Inbox] = [FolderInbox(settings.home_path)]
    if (settings.lake_url or "").startswith("s3://"):
        from spotify_assets.listening.exports.s3_inbox import S3Inbox

        inboxes.append(S3Inbox.at(str(settings.lake_url), s3_client_factory))
    return Inboxes(inboxes)


@dataclass(frozen=True)
class Inboxes:
    """Several places as one: an address says itself in which of them it lies."""

    places: list[Inbox]

    def entries(self) -> list[Entry]:
        return [entry for place in self.places for entry in place.entries()]

    def problems(self) -> list[str]:
        return [problem for place in self.places for problem in place.problems()]

    def given(self, address: str) -> list[Given]:
        return self._place(address).given(address)

    def delete(self, address: str, left_alone: list[LeftAlone]) -> None:
        self._place(address).delete(address, left_alone)

    def _place(self, address: str) -> Inbox:
        return self.places[-1 if address.startswith("s3://") else 0]


@dataclass(frozen=True)
class FolderInbox:
    """`inbox/<user>/` in the home."""

    home: Path

    def entries(self) -> list[Entry]:
        return sorted(self._entries(), key=lambda entry: entry.address)

    def problems(self) -> list[str]:
        return [str(held) for folder in _listed(self.home / FOLDER) if isinstance(held := _held(folder), UserError)]

    def given(self, address: str) -> list[Given]:
        path = self._path(address)
        if not path.exists():
            return []
        files, refused = given([path])
        if refused:
            raise UserError(refused[0].sentence)
        return files

    def delete(self, address: str, left_alone: list[LeftAlone]) -> None:
        path = self._path(address)
        stays = {other.where for other in left_alone}
        try:
            if path.is_dir():
                for file in _files_below(path):
                    if str(file) not in stays:
                        file.unlink()
                for above, _, _ in os.walk(path, topdown=False):
                    if not any(Path(above).iterdir()):
                        Path(above).rmdir()
            else:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise UserError(f"{path} is loaded and can't be deleted ({error.strerror}); delete it by hand.") from error

    def _entries(self) -> Iterator[Entry]:
        for folder in _listed(self.home / FOLDER):
            held = _held(folder)
            for path in [] if isinstance(held, UserError) else held:
                try:
                    stats = [(str(file), file.stat()) for file in _files_below(path)]
                except FileNotFoundError:  # taken away while we look
                    continue
                if stats:
                    yield Entry(
                        f"{FOLDER}/{folder.name}/{path.name}",
                        folder.name,
                        repr([(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]),
                        # A copy may bring its old time of change along, but not that of its record.
                        max(max(stat.st_mtime, stat.st_ctime) for _, stat in stats),
                    )

    def _path(self, address: str) -> Path:
        folder, user_id, name = address.split("/")
        if folder != FOLDER or {user_id, name} & {"", ".", ".."}:
            raise UserError(f"{address} is no place in the inbox.")
        return self.home / folder / user_id / name


def _listed(folder: Path) -> list[Path]:
    """What a folder holds, by name, without what is hidden; nothing where it is none."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise UserError(f"The inbox {folder} can't be read ({error.strerror}); see to it.") from error


def _held(folder: Path) -> list[Path] | UserError:
    """What a listener's folder holds, or why that can't be said."""
    try:
        return _listed(folder)
    except UserError as error:
        return error


def _files_below(path: Path) -> list[Path]:
    """The file itself, or the files below the folder; links are none."""
    if path.is_dir() and not path.is_symlink():
        return sorted(
            Path(above, name)
            for above, _, names in os.walk(path)
            for name in names
            if not Path(above, name).is_symlink() and Path(above, name).is_file()
        )
    return [path] if path.is_file() and not path.is_symlink() else []
