"""Which lakes this home has used: a lake that was there once and is gone is an outage, never a new, empty lake."""

import hashlib
from pathlib import Path

from spotify_assets.storage.private_files import ensure_private_folder, write_private


def note_of(home: Path, lake: str) -> Path:
    """The file in the home that remembers the lake at an address; deleting it allows that lake to be begun anew."""
    return home / "lakes" / f"{hashlib.sha256(lake.encode()).hexdigest()[:16]}.txt"


def is_known(home: Path, lake: str) -> bool:
    """Whether this home has used the lake before."""
    return note_of(home, lake).exists()


def remember(home: Path, lake: str) -> None:
    """Notes that the lake exists from now on."""
    note = note_of(home, lake)
    if not note.exists():
        ensure_private_folder(note.parent)
        write_private(note, f"{lake}\n", replace=False)
