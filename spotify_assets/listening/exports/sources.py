"""What a person gives: files, folders and zips, read one file at a time, redacted before anything else sees them.

A file that is no listening history is refused when it was named, or is named like one, and else left alone: an export
brings along a PDF and, of account data, much that is nobody's business here.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from spotify_assets.listening.exports.recognition import EXPECTED, Kind, is_named_like_a_history, kind_of, what_it_is
from spotify_assets.listening.exports.redaction import redact
from spotify_assets.listening.exports.zips import LARGEST, BadMember, BadZip, is_zip, members, shown, told_sizes

MB = 1024 * 1024


@dataclass(frozen=True)
class Found:
    """A file of listening history: its bytes as they will land, without personal data."""

    where: str
    name: str
    """As Spotify named it, without folders."""
    kind: Kind
    payload: bytes = field(repr=False)
    size: int
    """Of the bytes as they were given."""


@dataclass(frozen=True)
class Refused:
    """What was given as listening history and is none, or can't be read: one sentence that begins with its name."""

    sentence: str


@dataclass(frozen=True)
class LeftAlone:
    """What came along and is no listening history; nothing of it is kept."""

    where: str
    name: str


Item = Found | Refused | LeftAlone


@dataclass(frozen=True)
class Given:
    """One file that can be opened. `is_named` tells a file that a person named from one that lay in a folder."""

    where: str
    name: str
    size: int
    """In bytes; for the progress bar only."""
    open: Callable[[], BinaryIO]
    is_named: bool = True


def given(paths: Iterable[Path]) -> tuple[list[Given], list[Refused]]:
    """The files behind paths, folders unfolded; links in folders are not followed."""
    files: list[Given] = []
    refused = []
    for path in paths:
        try:
            if path.is_dir():
                files.extend(_in_folder(path))
            elif path.is_file():
                files.append(_local(path, is_named=True))
            else:
                refused.append(Refused(f"{shown(str(path))} does not exist: {EXPECTED}."))
        except OSError as error:
            refused.append(
                Refused(f"{shown(str(path))} can't be read ({error.strerror}): see to it, and import it again.")
            )
    return files, refused


def _in_folder(folder: Path) -> Iterator[Given]:
    for above, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = Path(above, name)
            if path.is_file() and not path.is_symlink():
                yield _local(path, is_named=False)


def _local(path: Path, *, is_named: bool) -> Given:
    return Given(str(path), path.name, path.stat().st_size, lambda: path.open("rb"), is_named)


def bytes_in(files: Iterable[Given]) -> int:
    """How many bytes of JSON there are to read, as the headers of zips say; for a progress bar."""
    total = 0
    for one in files:
        try:
            with one.open() as file:
                total += sum(told_sizes(file)) if is_zip(file) else one.size
        except OSError:
            continue
    return total


def read(files: Iterable[Given]) -> Iterator[Item]:
    """What each file is, and the files inside zips, one after the other; only one is in memory."""
    for one in files:
        try:
            with one.open() as file:
                yield from _read(one, file)
        except OSError as error:
            why = error.strerror or error
            yield Refused(f"{shown(one.where)} can't be read ({why}): see to it, and import it again.")


def _read(one: Given, file: BinaryIO) -> Iterator[Item]:
    if _is_hidden(one.name):
        yield LeftAlone(one.where, shown(one.name))
    elif is_zip(file):
        yield from _read_zip(one, file)
    elif one.is_named or one.name.lower().endswith(".json"):
        file.seek(0)
        body = file.read(LARGEST + 1)
        if len(body) > LARGEST:
            large = f"is larger than {LARGEST // MB} MB, as no file of an export is"
            yield Refused(f"{shown(one.where)} {large}: {EXPECTED}.")
        else:
            yield _recognised(one.where, one.name, body, is_named=one.is_named)
    else:
        yield LeftAlone(one.where, shown(one.name))


def _read_zip(one: Given, file: BinaryIO) -> Iterator[Item]:
    found = 0
    others: list[LeftAlone] = []
    refused = 0
    try:
        for member in members(file):
            where = f"{one.where}: {member.name}"
            name = member.name.rsplit("/", 1)[-1]
            if isinstance(member, BadMember):
                refused += 1
                yield Refused(f"{shown(where)} {member.why}.")
                continue
            if _is_hidden(member.name) or not name.lower().endswith(".json"):
                others.append(LeftAlone(where, name))
                continue
            item = _recognised(where, name, member.body, is_named=False)
            found += isinstance(item, Found)
            refused += isinstance(item, Refused)
            if isinstance(item, LeftAlone):
                others.append(item)
            else:
                yield item
    except BadZip as bad:
        yield Refused(f"{shown(one.where)} {bad}.")
        return
    if found or refused or not one.is_named:
        yield from others
    else:
        names = ", ".join(other.name for other in others[:5]) + (", …" if len(others) > 5 else "")
        holds = f"only {names}" if names else "nothing"
        yield Refused(f"{shown(one.where)} holds no listening history, {holds}: {EXPECTED}.")


def _recognised(where: str, name: str, body: bytes, *, is_named: bool) -> Item:
    payload = redact(body)
    kind = kind_of(payload, name)
    if kind:
        return Found(where, shown(name), kind, payload, len(body))
    if is_named or is_named_like_a_history(name):
        return Refused(f"{shown(where)} {what_it_is(body)}: {EXPECTED}.")
    return LeftAlone(where, shown(name))


def _is_hidden(path: str) -> bool:
    """What macOS and others put beside files."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.split("/"))
