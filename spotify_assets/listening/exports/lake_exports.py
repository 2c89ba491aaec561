"""What lies in the lake of the dataset `streaming_history`: by listing it, never by trusting the ledger."""

from collections.abc import Iterable

from spotify_assets.listening.exports.manifest import DATASET, export_hash, is_manifest, read_manifest
from spotify_assets.storage.lake import Lake, LakeCorrupt, is_key, parse_key


def folder_of(user_id: str) -> str:
    """The listener's folder, with its slash."""
    return f"{DATASET}/user={user_id}/"


def keys_by_digest(lake: Lake, user_id: str) -> dict[str, str]:
    """The listener's objects by the digest of their bytes; of several with the same bytes the oldest."""
    found: dict[str, str] = {}
    for key in filter(is_key, lake.list(folder_of(user_id))):
        found.setdefault(parse_key(key).digest, key)
    return found


def all_keys(lake: Lake) -> list[str]:
    """Everybody's objects, in the order of landing."""
    keys = [key for folder in lake.folders(f"{DATASET}/") for key in lake.list(folder) if is_key(key)]
    return sorted(keys, key=lambda key: (parse_key(key).fetched_at, key))


def keys_of_export(lake: Lake, user_id: str, export: str, known_files: Iterable[str] = ()) -> list[str]:
    """The keys of an export's files, then of its manifests; empty where no manifest says that there is such an export.

    `known_files` are digests that are known to be files, so that they are not read to find out.
    """
    keys = keys_by_digest(lake, user_id)
    files = set(known_files)
    manifests, members = [], set()
    for digest, key in keys.items():
        if digest in files:
            continue
        try:
            payload = lake.get(key)
        except LakeCorrupt:
            continue
        if is_manifest(payload):
            found = {member.file_hash for member in read_manifest(payload)[0]}
            if export_hash(found) == export:
                manifests.append(key)
                members |= found
    return [*(keys[file_hash] for file_hash in sorted(members) if file_hash in keys), *manifests]
