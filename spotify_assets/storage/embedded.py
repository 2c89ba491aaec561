"""The embedded Postgres: a server of the home's own, that commands start when they need it and that outlives them.

What lies where is postgres_home.py's business. A lost password file is made anew, and the password set in Postgres's
single-user mode.
"""

import hashlib
import os
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
from spotify_assets.storage.postgres_cluster import ADMIN, Cluster, Server, is_alive, server_on
from spotify_assets.storage.postgres_home import PostgresHome, cluster_on
from spotify_assets.storage.private_files import ensure_private_folder

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
        self._files = PostgresHome(home)

    def start(self) -> None:
        """Starts the server unless it runs, creating everything on first use."""
        with self._problems_as_sentences():
            if self._is_ready():
                return
            ensure_private_folder(self._files.folder)
            with self._files.lock():
                if self._is_ready():
                    return
                cluster = self._files.cluster_made_if_needed()
                self._bring_up(cluster)
                self._let_the_pipeline_in(cluster)

    def stop(self) -> bool:
        """Stops the server and returns whether it ran. Creates nothing."""
        with self._problems_as_sentences():
            data = self._files.data() or self._files.left_behind()
            if data is None or not self._files.owns(data):
                return False
            if not self._files.folder.exists():
                return cluster_on(data).stop()
            with self._files.lock():
                return cluster_on(data).stop()

    def destroy(self) -> None:
        """Stops the server and deletes its data, passwords and log. The rest of the home stays."""
        with self._problems_as_sentences():
            self.stop()
            data = self._files.data() or self._files.left_behind()
            if data is not None and self._files.owns(data) and data.parent != self._files.folder:
                shutil.rmtree(data.parent)
            shutil.rmtree(self._files.folder, ignore_errors=True)

    def is_running(self) -> bool:
        """Whether this home's server runs and lets the pipeline's role in."""
        return self._may_create_roles() is not None

    def _is_ready(self) -> bool:
        """Whether it runs, and its role may do what it needs: a server that an older version started gave it less."""
        return bool(self._may_create_roles())

    def _may_create_roles(self) -> bool | None:
        """Whether the pipeline's role may make roles for readers; None where it can't come in."""
        data = self._files.data()
        if data is None or not self._files.owns(data) or server_on(data) is None:
            return None
        try:
            with psycopg.connect(self.dsn(), connect_timeout=5) as connection:
                row = connection.execute("select rolcreaterole from pg_roles where rolname = current_user").fetchone()
                return row is not None and bool(row[0])
        except (psycopg.OperationalError, WarehouseUnavailable):
            return None

    def dsn(self) -> str:
        """The address of the warehouse for the role `pipeline`, password included: a secret."""
        return self._dsn(ROLE, DATABASE)

    def admin_dsn(self, database: str = "postgres") -> str:
        """The address for the superuser, password included: a secret that no pipeline needs."""
        return self._dsn(ADMIN, database)

    def _dsn(self, role: str, database: str) -> str:
        port, password = self._files.port(), self._files.password(role)
        if port is None or not password:
            raise WarehouseUnavailable(
                f"The embedded Postgres of {self._files.home} has not been started yet; "
                "start it with: spotify-assets db start"
            )
        return f"postgresql://{role}:{password}@{_HOST}:{port}/{database}"

    def _bring_up(self, cluster: Cluster) -> None:
        give_up = time.monotonic() + 30
        log = self._files.log
        if log.exists() and log.stat().st_size > _LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
        while True:
            seen = log.stat().st_size if log.exists() else 0
            running = server_on(cluster.data)
            pid = running.pid if running else cluster.launch(self._free_port(), _socket_folder(cluster), log)
            ready = _wait_until_ready(cluster, pid)
            if ready is not None:
                self._files.note_port(ready.port)
                return
            complaint = _complaint(log, seen)
            if time.monotonic() > give_up or not any(trouble in complaint for trouble in _PASSING_TROUBLES):
                raise WarehouseUnavailable(
                    f"The embedded Postgres of {self._files.home} did not start ({complaint}); its log is {log}."
                )
            time.sleep(0.3)

    def _free_port(self) -> int:
        for port in (self._files.port() or 0, 0):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((_HOST, port))
                except OSError:
                    continue
                return int(probe.getsockname()[1])
        raise WarehouseUnavailable("No port is free on 127.0.0.1 for the embedded Postgres; end what holds them all.")

    def _let_the_pipeline_in(self, cluster: Cluster) -> None:
        """Makes the role, its password and its database what they should be, whatever a kill or a deletion left."""
        admin_password = self._files.password_made_if_needed(ADMIN)
        password = self._files.password_made_if_needed(ROLE)
        if self._is_ready():
            return
        try:
            psycopg.connect(self.admin_dsn(), connect_timeout=10).close()
        except psycopg.OperationalError as error:
            if "password authentication failed" not in str(error):
                raise
            cluster.stop()
            cluster.set_admin_password(admin_password)
            self._bring_up(cluster)
        role, database = sql.Identifier(ROLE), sql.Identifier(DATABASE)
        with psycopg.connect(self.admin_dsn(), connect_timeout=10, autocommit=True) as admin:
            verifier = admin.pgconn.encrypt_password(password.encode(), ROLE.encode(), b"scram-sha-256").decode()
            known = admin.execute("select 1 from pg_roles where rolname = %s", (ROLE,)).fetchone()
            verb = sql.SQL("alter" if known else "create")
            admin.execute(sql.SQL("{} role {} login createrole password {}").format(verb, role, verifier))
            if admin.execute("select 1 from pg_database where datname = %s", (DATABASE,)).fetchone() is None:
                admin.execute(sql.SQL("create database {} owner {}").format(database, role))

    @contextmanager
    def _problems_as_sentences(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise WarehouseUnavailable(
                f"The warehouse's folder {self._files.home} can't be used ({error.strerror}: {error.filename}); "
                "repair it, name another one in SPOTIFY_ASSETS_HOME, or set DATABASE_URL."
            ) from error
        except psycopg.Error as error:
            reason = str(error).strip().splitlines()[0]
            raise WarehouseUnavailable(
                f"The embedded Postgres of {self._files.home} can't be used ({reason}); its log is {self._files.log}."
            ) from error


def _complaint(log: Path, seen: int) -> str:
    """What a server that did not start gave as its reason, in the part of the log after `seen` bytes."""
    with log.open("rb") as file:
        file.seek(seen)
        said = file.read().decode(errors="replace").splitlines()
    complaints = [line for line in said if any(word in line for word in ("FATAL", "PANIC", "could not"))]
    return (complaints or said or ["it gave no reason"])[-1].strip()


def _wait_until_ready(cluster: Cluster, pid: int) -> Server | None:
    give_up = time.monotonic() + 300  # a crash may have left much to recover
    while time.monotonic() < give_up:
        server = server_on(cluster.data)
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
