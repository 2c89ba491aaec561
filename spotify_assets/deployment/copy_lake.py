"""Copies a lake: from a folder to S3, when an installation moves, and back into a folder, as a backup.

    python -m spotify_assets.deployment.copy_lake FROM TO

Each is a folder or s3://bucket/prefix. What is there stays; every payload is checked against its key while it is read.
Run again, it copies what is new. What waits in an inbox is no part of the lake yet, and stays where it is.
"""

import sys

from spotify_assets.errors import UserError
from spotify_assets.settings import settings
from spotify_assets.storage.lake import Lake, LakeCorrupt, is_key, open_lake


def main() -> str | None:
    """Says how much was copied; returns a sentence where a lake can't be used, or not all of it."""
    if len(sys.argv) != 3:
        return "Give two lakes: python -m spotify_assets.deployment.copy_lake FROM TO"
    try:
        source, target = (open_lake(settings().model_copy(update={"lake_url": url})) for url in sys.argv[1:])
        copied, there, damaged = copy(source, target)
    except UserError as error:
        return str(error)
    print(f"Copied {copied} objects; {there} were there.")
    return "\n".join(damaged) or None


def copy(source: Lake, target: Lake) -> tuple[int, int, list[str]]:
    """Copies what the target lacks; returns how many, how many it had, and a sentence for each damaged object."""
    there = set(target.list(""))
    keys = [key for key in source.list("") if is_key(key)]
    missing = [key for key in keys if key not in there]
    damaged = []
    for key, payload in source.get_many(missing):
        if isinstance(payload, LakeCorrupt):
            damaged.append(str(payload))
        else:
            target.put(key, payload)
    return len(missing) - len(damaged), len(keys) - len(missing), damaged


if __name__ == "__main__":
    sys.exit(main())
