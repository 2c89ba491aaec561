"""What the embedded Postgres keeps in the home, under `postgres/`, and where its data lies.

`data`, `pipeline.password`, `admin.password` (mode 0600), `port`, `lock`, `server.log`, `socket`. As root the data lies
in /var/lib/spotify-assets/<hash of the home>, where an unprivileged account can work on it; `data_directory` notes it.

When root deletes a home, its data stays behind there. The next start in the same place stops the server left over, sets
that data aside as `<hash>.removed` (the last one is kept), and begins with an empty warehouse, as for everybody else.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spotify_assets.errors import WarehouseUnavailable
from spotify_assets.storage.postgres_cluster import ADMIN, Cluster
from spotify_assets.storage.postgres_programs import (
    SYSTEM_FOLDER,
    Account,
    ensure_system_folder,
    reachable_programs,
    unprivileged_account,
)
from spotify_assets.storage.private_files import write_private

_LOCK_PATIENCE_SECONDS = 180


class PostgresHome:
    """The files of one home's server. Changing any of them needs the lock."""

    def __init__(self, home: Path) -> None:
        self.home = Path(os.path.realpath(home))
        self.folder = self.home / "postgres"
        self.log = self.folder / "server.log"

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keeps every other process, and thread, from starting or stopping this home's server."""
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            give_up = time.monotonic() + _LOCK_PATIENCE_SECONDS
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > give_up:
                        raise WarehouseUnavailable(
                            f"Another process has been starting or stopping the Postgres of {self.home} for three "
                            "minutes; end it, then try again."
                        ) from None
                    time.sleep(0.05)
            yield
        finally:
            os.close(descriptor)

    def port(self) -> int | None:
        """The port of the last start."""
        noted = _read(self.folder / "port")
        return int(noted) if noted else None

    def note_port(self, port: int) -> None:
        write_private(self.folder / "port", str(port))

    def password(self, role: str) -> str | None:
        """A role's password, where there is one yet."""
        return _read(self._password_file(role))

    def password_made_if_needed(self, role: str) -> str:
        if not self.password(role):
            write_private(self._password_file(role), secrets.token_hex(24))
        return self._password_file(role).read_text()

    def _password_file(self, role: str) -> Path:
        return self.folder / f"{'admin' if role == ADMIN else role}.password"

    def data(self) -> Path | None:
        """Where the data lies, or None before the first start."""
        own = self.folder / "data"
        if own.is_dir():
            return own
        noted = _read(self.folder / "data_directory")
        return Path(noted) if noted else None

    def owns(self, data: Path) -> bool:
        """Whether the data is this home's, and not that of a home which this one is a copy of."""
        return data.parent == self.folder or _read(data.parent / "home") == str(self.home)

    def left_behind(self) -> Path | None:
        """The data of a home that lay in the same place and was deleted."""
        data = self._system_folder() / "data"
        return data if os.geteuid() == 0 and data.is_dir() else None

    def cluster_made_if_needed(self) -> Cluster:
        """This home's data, created on first use. Raises `WarehouseUnavailable` for data that can't be ours."""
        data = self.data()
        if data is None:
            return self._new_cluster()
        if data.parent != self.folder:
            self._check_whose(data)
        return cluster_on(data)

    def _system_folder(self) -> Path:
        return SYSTEM_FOLDER / hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]

    def _check_whose(self, data: Path) -> None:
        if os.geteuid() != 0:
            raise WarehouseUnavailable(
                f"The warehouse of {self.home} was made by root and lies in {data}; "
                "run the command as root, or name another folder in SPOTIFY_ASSETS_HOME."
            )
        if not data.is_dir():
            raise WarehouseUnavailable(
                f"The warehouse's data in {data} is gone; restore it, or delete {self.folder} to begin with an empty "
                "warehouse and fill it from the lake with: spotify-assets replay"
            )
        if self.owns(data):
            return
        note = data.parent / "home"
        recorded = Path(note.read_text())
        if (recorded / "postgres" / "data_directory").exists():
            raise WarehouseUnavailable(
                f"{self.home} is a copy of {recorded}, and both name the data in {data}; delete {self.folder} "
                "to begin with an empty warehouse there and fill it from the lake with: spotify-assets replay"
            )
        write_private(note, str(self.home))  # the home was moved

    def _new_cluster(self) -> Cluster:
        place = self.folder
        if os.geteuid() == 0:
            place = self._system_folder()
            self._set_aside_what_was_left_behind(place)
            account = unprivileged_account()
            ensure_system_folder()
            place.mkdir(mode=0o700, exist_ok=True)
            os.chown(place, account.uid, account.gid)
            write_private(place / "home", str(self.home))
        cluster = cluster_on(place / "data")
        cluster.create(self.password_made_if_needed(ADMIN))
        if place != self.folder:
            write_private(self.folder / "data_directory", str(cluster.data))
        return cluster

    def _set_aside_what_was_left_behind(self, place: Path) -> None:
        left_behind = self.left_behind()
        if left_behind is not None:
            cluster_on(left_behind).stop()
            aside = place.with_name(f"{place.name}.removed")
            shutil.rmtree(aside, ignore_errors=True)
            place.rename(aside)


def cluster_on(data: Path) -> Cluster:
    """How to work on a data directory: as root in the name of its owner, else as oneself."""
    account = None
    if os.geteuid() == 0:
        owner = (data if data.exists() else data.parent).stat()
        account = Account(owner.st_uid, owner.st_gid)
    return Cluster(data, reachable_programs(), account)


def _read(note: Path) -> str | None:
    try:
        return note.read_text()
    except FileNotFoundError:
        return None
