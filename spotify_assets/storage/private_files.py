"""Small files in the home that must be whole or absent: passwords, keys, notes of where things lie.

Nothing here knows what the files mean.
"""

import os
import secrets
from pathlib import Path


def ensure_private_folder(folder: Path) -> None:
    """Creates a folder, and the missing ones above it, readable by their owner only. An existing one keeps its mode."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(mode=0o700, exist_ok=True)
        _belong_to_the_parent_s_owner(path)
    if not folder.is_dir():
        raise NotADirectoryError(20, "Not a directory", str(folder))


def write_private(path: Path, content: str, *, replace: bool = True) -> bool:
    """Writes a file of mode 0600 that is whole at any moment and survives a power cut.

    Returns False, and leaves the file alone, when it exists and `replace` is False.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _belong_to_the_parent_s_owner(temporary)
        if replace:
            temporary.replace(path)
        else:
            try:
                path.hardlink_to(temporary)
            except FileExistsError:
                return False
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _belong_to_the_parent_s_owner(path: Path) -> None:
    # Root working once in somebody's home must not leave files there that their owner can't use afterwards.
    if os.geteuid() == 0:
        owner = path.parent.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
