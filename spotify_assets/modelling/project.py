"""Where the dbt project lies, the hash of its code, and its manifest.

The project ships beside the package (in a wheel: inside it) and is never written to: what dbt writes goes to
`<home>/dbt/<hash of the code>`, so that a manifest there is never stale. A missing one is made once, under a file lock,
with a sentence; an image brings one along, beside the project. Nothing here imports dbt but the making of a manifest.
"""

import fcntl
import hashlib
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from spotify_assets.packaged import packaged

_CODE = {".sql", ".yml", ".yaml", ".csv"}
_KEPT = 3  # targets of older code, for processes that still run it


@dataclass(frozen=True)
class Project:
    """The dbt project of this program, and the folder in the home that dbt writes to."""

    directory: Path
    home: Path
    code_hash: str

    @property
    def target(self) -> Path:
        return self.home / "dbt" / self.code_hash[:16]

    @property
    def manifest_path(self) -> Path:
        return self._made / "manifest.json"

    def manifest(self) -> Mapping[str, Any]:
        """The parsed manifest (in dbt's schema, manifest v12), made first where it is missing."""
        if not self.manifest_path.exists():
            _make_manifest(self)
        return _read_manifest(self.manifest_path)

    def parsed(self) -> bytes:
        """The same as dbt keeps it for itself: reading it takes a fiftieth of parsing the project."""
        if not self.parsed_path.exists():
            _make_manifest(self)
        return self.parsed_path.read_bytes()

    @property
    def parsed_path(self) -> Path:
        return self._made / "parsed.msgpack"

    @property
    def _made(self) -> Path:
        shipped = _shipped_to(self.directory) / "dbt" / self.code_hash[:16]
        return shipped if (shipped / "manifest.json").exists() else self.target

    def relations(self) -> list[tuple[str, str]]:
        """The (schema, name) of every table and view that the models make."""
        nodes = self.manifest()["nodes"].values()
        return sorted((node["schema"], node["alias"]) for node in nodes if node["resource_type"] == "model")


def find_project(home: Path) -> Project:
    """The project of the installed package, with `home` as the folder for what is made from it."""
    directory = packaged("dbt_project")
    return Project(directory, home, code_hash(directory))


def ship() -> None:
    """Makes the manifest beside the project, for all homes: what the building of an image does."""
    directory = packaged("dbt_project")
    find_project(_shipped_to(directory)).manifest()


def _shipped_to(directory: Path) -> Path:
    return directory.parent


def code_hash(directory: Path) -> str:
    """SHA-256 over the names and bytes of all models, macros, seeds, tests and settings."""
    digest = hashlib.sha256()
    for path in sorted(path for path in directory.rglob("*") if path.suffix in _CODE and path.is_file()):
        name = path.relative_to(directory)
        if name.parts[0] in ("target", "logs", "dbt_packages"):
            continue
        body = path.read_bytes()
        digest.update(f"{name.as_posix()}\0{len(body)}\0".encode())
        digest.update(body)
    return digest.hexdigest()


@lru_cache(maxsize=4)
def _read_manifest(path: Path) -> Mapping[str, Any]:
    manifest: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


def _make_manifest(project: Project) -> None:
    project.target.parent.mkdir(parents=True, exist_ok=True)
    with _only_one(project.target.parent / ".lock"):
        if project.manifest_path.exists() and project.parsed_path.exists():
            return
        print("Reading the dbt project once; this takes a few seconds.", file=sys.stderr)
        from spotify_assets.modelling.runner import parse

        parsed = project.target / "parsed"
        parse(project.directory, parsed)
        # The manifest appears whole or not at all.
        (parsed / "partial_parse.msgpack").replace(project.parsed_path)
        (parsed / "manifest.json").replace(project.manifest_path)
        shutil.rmtree(parsed)
        _prune(project.target)


def _prune(current: Path) -> None:
    others = [path for path in current.parent.iterdir() if path.is_dir() and path != current]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[_KEPT:]:
        shutil.rmtree(path, ignore_errors=True)


def delete_old_targets(project: Project, before: datetime) -> int:
    """Deletes what dbt wrote for other code and nothing has touched since that moment; returns how many folders."""
    if not project.target.parent.is_dir():
        return 0
    others = [path for path in project.target.parent.iterdir() if path.is_dir() and path != project.target]
    old = [path for path in others if path.stat().st_mtime < before.timestamp()]
    for path in old:
        shutil.rmtree(path)
    return len(old)


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
