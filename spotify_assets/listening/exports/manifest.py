"""The export as an object of the lake: which files it consists of, and what Spotify named them.

It lands last, beside its files, so an export whose manifest is there is there as a whole.
"""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from spotify_assets.reading import Fault, read_payload

DATASET = "streaming_history"
_START = b'{"export":'
_HASH = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, order=True)
class ExportMember:
    """A file of an export: the first 12 digits of its landed bytes' SHA-256, and its name, without folders."""

    file_hash: str
    name: str


def digest(payload: bytes) -> str:
    """The first 12 hexadecimal digits of the SHA-256, as in the lake's keys."""
    return hashlib.sha256(payload).hexdigest()[:12]


def export_hash(file_hashes: Iterable[str]) -> str:
    """What an export is called: the same whatever it came in, and whatever its files were named."""
    return digest("\n".join(sorted(set(file_hashes))).encode())


def write_manifest(members: Iterable[ExportMember]) -> bytes:
    """The manifest's bytes, the same for the same members."""
    entries = [{"file": member.file_hash, "name": member.name} for member in sorted(set(members))]
    return json.dumps({"export": entries}).encode()


def is_manifest(payload: bytes) -> bool:
    """Whether an object of the dataset is a manifest; all others are files, which are lists."""
    return payload.startswith(_START)


def read_manifest(payload: bytes) -> tuple[list[ExportMember], list[Fault]]:
    """The members, and what can't be read of them."""
    top = read_payload(payload)
    members = set()
    for entry in top.children("export") or []:
        file_hash, name = entry.text("file"), entry.text("name")
        if file_hash and name and _HASH.fullmatch(file_hash):
            members.add(ExportMember(file_hash, name))
        else:
            entry.fault("", "no file of an export, for its hash or name is missing", entry.value)
    return sorted(members), top.faults
