"""The embedded Postgres: a server of the home's own, that commands start when they need it and that outlives them.

In the home, under `postgres/`: `data`, `pipeline.password` and `admin.password` (mode 0600), `port`, `lock`,
`server.log`, `socket`. As root the data lies in /var/lib/spotify-assets/<hash of the home>, noted in `data_directory`.

A lost password file is made anew, and the password set in Postgres's single-user mode. When root deletes a home, its
data stays behind in /var/lib; the next start in the same place stops the server left over, sets that data aside as
`<hash>.removed` (the last one is kept), and begins with an empty warehouse, as it does for everybody else.
"""

import fcntl
import hashlib
import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

from spotify_assets.errors import WarehouseUnavailable
from spotify_assets.storage.postgres_cluster import ADMIN, Cluster, Server, is_alive
from spotify_assets.storage.postgres_programs import (
    SYSTEM_FOLDER,
    Account,
    ensure_system_folder,
    reachable_programs,
    unprivileged_account,
)
from spotify_assets.storage.private_files import ensure_private_folder, write_private

ROLE = "pipeline"
DATABASE = "spotify"
_HOST = "127.0.0.1"
_LOG_LIMIT = 5_000_000
# A socket's whole path has to fit into 107 bytes.
_LONGEST_SOCKET_FOLDER = 100 - len("/.s.PGSQL.65535")
_PASSING_TROUBLES = ("in use", "could not bind", "could not create any TCP/IP sockets", "lock file")


class EmbeddedPostgres:
    """The server of one home. Safe to start and stop from several processes at once.

    Every method raises `WarehouseUnavailable` where the home or the server can't be used.
    """

    def __init__(self, home: Path) -> None:
        self._home = Path(os.path.realpath(home))
        self._folder = self._home / "postgres"

    def start(self) -> None:
        """Starts the server unless it runs, creating everything on first use."""
        with self._problems_as_sentences():
            if self.is_running():
                return
            ensure_private_folder(self._folder)
            with self._lock():
                if self.is_running():
                    return
                cluster = self._cluster_made_if_needed()
                self._bring_up(cluster)
                self._let_the_pipeline_in(cluster)

    def stop(self) -> bool:
        """Stops the server and returns whether it ran. Creates nothing."""
        with self._problems_as_sentences():
            data = self._known_data() or self._left_behind()
            if data is None:
                return False
            if not self._folder.exists():
                return _cluster(data).stop()
            with self._lock():
                return _cluster(data).stop()

    def destroy(self) -> None:
        """Stops the server and deletes its data, passwords and log. The rest of the home stays."""
        with self._problems_as_sentences():
            self.stop()
            data = self._known_data() or self._left_behind()
            if data is not None and data.parent != self._folder:
                shutil.rmtree(data.parent)
            shutil.rmtree(self._folder, ignore_errors=True)

    def is_running(self) -> bool:
        """Whether the server answers, to our password: nobody else's server does that."""
        try:
            with psycopg.connect(self.dsn(), connect_timeout=5):
                return True
        except (psycopg.OperationalError, WarehouseUnavailable):
            return False

    def dsn(self) -> str:
        """The address of the warehouse for the role `pipeline`, password included: a secret."""
        return self._dsn(ROLE, DATABASE)

    def admin_dsn(self, database: str = "postgres") -> str:
        """The address for the superuser, password included: a secret that no pipeline needs."""
        return self._dsn(ADMIN, database)

    def _dsn(self, role: str, database: str) -> str:
        try:
            port = (self._folder / "port").read_text()
            password = self._password_file(role).read_text()
        except FileNotFoundError:
            raise WarehouseUnavailable(
                f"The embedded Postgres of {self._home} is not there yet; start it with: spotify-assets db start"
            ) from None
        return f"postgresql://{role}:{password}@{_HOST}:{port}/{database}"

    def _password_file(self, role: str) -> Path:
        return self._folder / f"{'admin' if role == ADMIN else role}.password"

    def _password(self, role: str) -> str:
        path = self._password_file(role)
        if not path.exists() or not path.read_text():
            write_private(path, secrets.token_hex(24))
        return path.read_text()

    # Where the data lies

    def _known_data(self) -> Path | None:
        own = self._folder / "data"
        note = self._folder / "data_directory"
        if own.is_dir():
            return own
        return Path(note.read_text()) if note.exists() else None

    def _left_behind(self) -> Path | None:
        data = self._system_folder() / "data"
        return data if os.geteuid() == 0 and data.is_dir() else None

    def _system_folder(self) -> Path:
        return SYSTEM_FOLDER / hashlib.sha256(os.fsencode(self._home)).hexdigest()[:16]

    def _cluster_made_if_needed(self) -> Cluster:
        data = self._known_data()
        if data is None:
            return self._new_cluster()
        if data.parent != self._folder:
            self._check_whose(data)
        return _cluster(data)

    def _check_whose(self, data: Path) -> None:
        if os.geteuid() != 0:
            raise WarehouseUnavailable(
                f"The warehouse of {self._home} was made by root and lies in {data}; "
                "run the command as root, or name another folder in SPOTIFY_ASSETS_HOME."
            )
        if not data.is_dir():
            raise WarehouseUnavailable(
                f"The warehouse's data in {data} is gone; restore it, or delete {self._folder} to begin with an empty "
                "warehouse and fill it from the lake with: spotify-assets replay"
            )
        note = data.parent / "home"
        recorded = Path(note.read_text())
        if recorded == self._home:
            return
        if (recorded / "postgres" / "data_directory").exists():
            raise WarehouseUnavailable(
                f"{self._home} is a copy of {recorded}, and both name the data in {data}; delete {self._folder} "
                "to begin with an empty warehouse there and fill it from the lake with: spotify-assets replay"
            )
        write_private(note, str(self._home))  # the home was moved

    def _new_cluster(self) -> Cluster:
        place = self._folder
        if os.geteuid() == 0:
            place = self._system_folder()
            if self._left_behind() is not None:
                _cluster(place / "data").stop()
                aside = place.with_name(f"{place.name}.removed")
                shutil.rmtree(aside, ignore_errors=True)
                place.rename(aside)
            account = unprivileged_account()
            ensure_system_folder()
            place.mkdir(mode=0o700, exist_ok=True)
            os.chown(place, account.uid, account.gid)
            write_private(place / "home", str(self._home))
        cluster = _cluster(place / "data")
        cluster.create(self._password(ADMIN))
        if place != self._folder:
            write_private(self._folder / "data_directory", str(cluster.data))
        return cluster

    # Bringing the server up

    def _bring_up(self, cluster: Cluster) -> None:
        give_up = time.monotonic() + 30
        log = self._folder / "server.log"
        if log.exists() and log.stat().st_size > _LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
        while True:
            seen = log.stat().st_size if log.exists() else 0
            running = cluster.server()
            pid = running.pid if running else cluster.launch(self._free_port(), _socket_folder(cluster), log)
            ready = _wait_until_ready(cluster, pid)
            if ready is not None:
                write_private(self._folder / "port", str(ready.port))
                return
            with log.open("rb") as file:
                file.seek(seen)
                said = file.read().decode(errors="replace").splitlines()
            complaints = [line for line in said if "FATAL" in line or "PANIC" in line or "could not" in line]
            passing = any(trouble in line for line in complaints for trouble in _PASSING_TROUBLES)
            if not passing or time.monotonic() > give_up:
                reason = (complaints or said or ["it said nothing"])[-1]
                raise WarehouseUnavailable(
                    f"The embedded Postgres of {self._home} did not start ({reason.strip()}); its log is {log}."
                )
            time.sleep(0.3)

    def _free_port(self) -> int:
        kept = self._folder / "port"
        wanted = int(kept.read_text()) if kept.exists() else 0
        for port in (wanted, 0):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((_HOST, port))
                except OSError:
                    continue
                return int(probe.getsockname()[1])
        raise WarehouseUnavailable("No port is free on 127.0.0.1 for the embedded Postgres; end what holds them all.")

    def _let_the_pipeline_in(self, cluster: Cluster) -> None:
        self._password(ADMIN)
        password = self._password(ROLE)
        if self.is_running():
            return
        try:
            psycopg.connect(self.admin_dsn(), connect_timeout=10).close()
        except psycopg.OperationalError as error:
            if "password authentication failed" not in str(error):
                raise
            cluster.stop()
            cluster.set_admin_password(self._password(ADMIN))
            self._bring_up(cluster)
        with psycopg.connect(self.admin_dsn(), connect_timeout=10, autocommit=True) as admin:
            verifier = admin.pgconn.encrypt_password(password.encode(), ROLE.encode(), b"scram-sha-256").decode()
            role = admin.execute("select 1 from pg_roles where rolname = %s", (ROLE,)).fetchone()
            verb = sql.SQL("alter" if role else "create")
            admin.execute(sql.SQL("{} role {} login password {}").format(verb, sql.Identifier(ROLE), verifier))
            if admin.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone() is None:
                admin.execute(
                    sql.SQL("create database {} owner {}").format(sql.Identifier(DATABASE), sql.Identifier(ROLE))
                )

    # Locks and sentences

    @contextmanager
    def _lock(self) -> Iterator[None]:
        descriptor = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            give_up = time.monotonic() + 180
            while True:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > give_up:
                        raise WarehouseUnavailable(
                            f"Another process has been starting or stopping the Postgres of {self._home} for three "
                            "minutes; end it, then try again."
                        ) from None
                    time.sleep(0.05)
            yield
        finally:
            os.close(descriptor)

    @contextmanager
    def _problems_as_sentences(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise WarehouseUnavailable(
                f"The warehouse's folder {self._home} can't be used ({error.strerror}: {error.filename}); "
                "repair it, name another one in SPOTIFY_ASSETS_HOME, or set DATABASE_URL."
            ) from error
        except psycopg.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise WarehouseUnavailable(
                f"The embedded Postgres of {self._home} can't be used ({reason}); its log is {self._folder}/server.log."
            ) from error


def _cluster(data: Path) -> Cluster:
    account = None
    if os.geteuid() == 0:
        owner = (data if data.exists() else data.parent).stat()
        account = Account(owner.st_uid, owner.st_gid)
    return Cluster(data, reachable_programs(), account)


def _wait_until_ready(cluster: Cluster, pid: int) -> Server | None:
    give_up = time.monotonic() + 300  # a crash may have left much to recover
    while time.monotonic() < give_up:
        server = cluster.server()
        if server is not None and server.pid == pid and server.is_ready:
            return server
        if not is_alive(pid):
            return None
        time.sleep(0.02)
    raise WarehouseUnavailable(f"The embedded Postgres in {cluster.data} has not come up within five minutes.")


def _socket_folder(cluster: Cluster) -> Path | None:
    """A folder that only the server's account can enter, with a path short enough; None where there is none."""
    beside = cluster.data.parent / "socket"
    uid, gid = (cluster.account.uid, cluster.account.gid) if cluster.account else (os.geteuid(), os.getegid())
    digest = hashlib.sha256(os.fsencode(cluster.data)).hexdigest()[:12]
    short = Path(tempfile.gettempdir()) / f"spotify-assets-{uid}-{digest}"
    for folder in (beside, short):
        if len(os.fsencode(folder)) > _LONGEST_SOCKET_FOLDER:
            continue
        try:
            folder.mkdir(mode=0o700)
            os.chown(folder, uid, gid)
        except FileExistsError:
            found = folder.lstat()
            # Anybody may have put something there under a name that can be guessed.
            if folder.is_symlink() or not folder.is_dir() or found.st_uid != uid or found.st_mode & 0o077:
                continue
        return folder
    return None
