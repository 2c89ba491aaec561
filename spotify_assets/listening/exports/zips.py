"""Reading zips that anybody may have made: as a stream, within limits, trusting no header. Nothing is ever unpacked.

The limits are far above what Spotify sends (files of 12 MB, some dozens of them) and far below what hurts.
"""

import errno
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import SEEK_END
from typing import BinaryIO

LARGEST = 256 * 1024 * 1024
"""Bytes of one file, uncompressed."""
LARGEST_SUM = 8 * 1024 * 1024 * 1024
MOST_MEMBERS = 10_000
_LARGEST_DIRECTORY = 16 * 1024 * 1024
_PIECE = 1024 * 1024
_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_END = struct.Struct("<4s4H2LH")
_END_64 = struct.Struct("<4sQ2H2L4Q")
_LOCATOR_64 = struct.Struct("<4sLQL")


class BadZip(Exception):
    """Why a zip can't be read any further, as the rest of a sentence that began with its name."""


@dataclass(frozen=True)
class BadMember:
    """A file in a zip that is not read. `why` is the rest of a sentence that begins with the name."""

    name: str
    why: str


@dataclass(frozen=True)
class Member:
    """A file in a zip; `body` is empty for what is no JSON file."""

    name: str
    body: bytes = field(repr=False)


def is_zip(file: BinaryIO) -> bool:
    """Whether it begins as a zip does; the name says nothing."""
    file.seek(0)
    return file.read(4) in _STARTS


def told_sizes(file: BinaryIO) -> list[int]:
    """How large the JSON files in a zip are, by its own word; empty for one that can't be read."""
    try:
        _check_directory(file)
        with zipfile.ZipFile(file) as archive:
            return [entry.file_size for entry in archive.infolist() if entry.filename.lower().endswith(".json")]
    except (BadZip, zipfile.BadZipFile, ValueError, NotImplementedError, struct.error):
        return []


def members(file: BinaryIO) -> Iterator[Member | BadMember]:
    """The files in a zip in its order, folders left out. What is no `.json` file comes without its content.

    Raises `BadZip` for a zip that is cut, damaged, or larger than any export.
    """
    _check_directory(file)
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_MEMBERS:
                raise BadZip(f"holds {len(entries)} files, more than the {MOST_MEMBERS} that are read")
            left = LARGEST_SUM
            for entry in entries:
                if entry.orig_filename.endswith("/"):  # is_dir() raises where there is no name
                    continue
                member = _member(archive, entry, left)
                if isinstance(member, Member):
                    left -= len(member.body)
                yield member
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, struct.error) as error:
        raise BadZip("is cut or damaged: download it again") from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a place before the file's beginning, where a forged header pointed
            raise
        raise BadZip("is cut or damaged: download it again") from error


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, left: int) -> Member | BadMember:
    name = shown(entry.orig_filename)
    if problem := _problem(entry):
        return BadMember(name, problem)
    if not name.lower().endswith(".json"):
        return Member(name, b"")
    try:
        with archive.open(entry) as stream:
            body = bytearray()
            while piece := stream.read(_PIECE):
                body += piece
                if len(body) > LARGEST:
                    return BadMember(name, f"is larger than {LARGEST >> 20} MB, as no file of an export is")
                if len(body) > left:
                    raise BadZip(f"holds more than {LARGEST_SUM >> 30} GB, as no export does")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        return BadMember(name, f"is damaged inside the zip ({error}): download the zip again")
    return Member(name, bytes(body))


def _problem(entry: zipfile.ZipInfo) -> str | None:
    """Why a file is not even opened."""
    name = entry.orig_filename
    parts = name.replace("\\", "/").split("/")
    problem = None
    if "\x00" in name:
        problem = "has a name with a NUL in it, as only a forged zip has"
    elif parts[0] == "" or ":" in parts[0]:
        problem = "has the name of a place on a disk, as only a forged zip has"
    elif ".." in parts:
        problem = "has a name that climbs out of its folder, as only a forged zip has"
    elif entry.flag_bits & 1:
        problem = "is encrypted: unpack the zip with its password, and import the folder"
    elif name.lower().endswith(".zip"):
        problem = "is a zip inside a zip: unpack the outer one, and import the folder"
    return problem


def shown(name: str) -> str:
    """The name with plain slashes, and nothing in it that moves a cursor."""
    text = name.replace("\\", "/")
    return "".join(letter if letter.isprintable() else "�" for letter in text)[-200:]


def _check_directory(file: BinaryIO) -> None:
    """Looks at the size of the zip's directory before it is read as a whole."""
    size = file.seek(0, SEEK_END)
    start = max(0, size - 65_536 - _END.size)
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise BadZip("is cut or damaged: download it again")
    directory = _END.unpack_from(tail, at)[5]
    locator = at - _LOCATOR_64.size
    if locator >= 0 and tail[locator : locator + 4] == b"PK\x06\x07":
        told = _LOCATOR_64.unpack_from(tail, locator)[2]
        sizes = []
        # Where the locator says, and where Python's own reader looks.
        for place in (told, start + locator - _END_64.size):
            file.seek(min(max(place, 0), size))
            record = file.read(_END_64.size)
            if len(record) == _END_64.size and record.startswith(b"PK\x06\x06"):
                sizes.append(_END_64.unpack(record)[8])
        directory = max(sizes, default=directory)
    if directory > _LARGEST_DIRECTORY:
        raise BadZip(f"holds more than the {MOST_MEMBERS} files that are read")
