"""One Postgres data directory: creating it, launching a server on it, finding that server again, stopping it.

What lies where in the home, passwords and roles are embedded.py's business.
"""

import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from spotify_assets.errors import WarehouseUnavailable
from spotify_assets.storage.postgres_programs import Account
from spotify_assets.storage.private_files import sync_folder, write_private

ADMIN = "spotify_admin"

# Everybody gives a password, on the socket too: other people have accounts on shared machines.
_HBA = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "password_encryption": "scram-sha-256",
    # Durable, but a warehouse of one machine: no replication, few and large writes.
    "fsync": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "15min",
    "shared_buffers": "128MB",
    # A warehouse of this size lies in memory or on flash, where a page here costs about what the next one does.
    "random_page_cost": "1.1",
    "jit": "off",
    # Containers give 64 MB of POSIX shared memory, and systemd removes a user's when the user logs out.
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    # A statement or a row may hold a secret: neither is ever written to the log.
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_min_duration_statement": "-1",
    "log_checkpoints": "off",
}
# Other people's secrets are in our environment; the server gets none of it.
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
# The shell leaves the server behind as nobody's child, so that it outlives us and is never our zombie.
_DETACH = '"$0" "$@" >&2 </dev/null & echo $!'


@dataclass(frozen=True)
class Server:
    """A running postmaster."""

    pid: int
    port: int
    is_ready: bool


@dataclass(frozen=True)
class Cluster:
    """A data directory, the programs for it, and the account that owns it (None: the caller's own)."""

    data: Path
    programs: Path
    account: Account | None

    def create(self, admin_password: str) -> None:
        """Runs initdb. A kill in the middle leaves nothing that looks like a data directory."""
        # The initdb of a command that was killed may still be at work: it and we must not share a folder.
        half_made = self.data.with_name(f"{self.data.name}.new.{secrets.token_hex(4)}")
        password_file = half_made.with_name(f"{half_made.name}.password")
        write_private(password_file, admin_password)
        try:
            self._run(
                "initdb",
                *["-D", str(half_made), "-U", ADMIN, f"--pwfile={password_file}", "--auth=scram-sha-256"],
                # The same order of texts on every machine.
                *["--encoding=UTF8", "--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"],
            )
        finally:
            password_file.unlink(missing_ok=True)
        half_made.rename(self.data)
        sync_folder(self.data.parent)

    def set_admin_password(self, password: str) -> None:
        """Sets the administrator's password without knowing the old one. No server may run."""
        statement = f"alter role {ADMIN} password '{password}';\n"
        self._run("postgres", "--single", "-D", str(self.data), *_options(), "postgres", entered=statement)

    def launch(self, port: int, sockets: Path | None, log: Path) -> int:
        """Starts a server that outlives this process, and returns its pid at once: it may still fail to come up.

        None may run: the caller holds the home's lock and has looked with `server_on`.
        """
        for left_over in self.data.parent.glob(f"{self.data.name}.new.*"):
            left_over.unlink() if left_over.is_file() else shutil.rmtree(left_over, ignore_errors=True)
        _clear_misleading_note(self.data / "postmaster.pid")
        write_private(self.data / "pg_hba.conf", _HBA)
        arguments = ["-D", str(self.data), "-p", str(port), *_options()]
        arguments += ["-c", f"unix_socket_directories={sockets or ''}", "-c", "unix_socket_permissions=0700"]
        with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log_file:
            shell = subprocess.run(  # noqa: S603 - the wheel's own program
                ["/bin/sh", "-c", _DETACH, str(self.programs / "postgres"), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log_file,
                start_new_session=True,
                check=True,
                cwd="/",
                env=_ENVIRONMENT,
                umask=0o077,
                user=self.account.uid if self.account else None,
                group=self.account.gid if self.account else None,
                extra_groups=[] if self.account else None,
            )
        return int(shell.stdout)

    def stop(self) -> bool:
        """Stops the server, if one runs, and returns whether one did. Open transactions are rolled back."""
        running = server_on(self.data)
        if running is None:
            return False
        for kind, patience in ((signal.SIGINT, 60.0), (signal.SIGQUIT, 20.0)):
            with suppress(ProcessLookupError):  # it ended by itself just now
                os.kill(running.pid, kind)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline:
                if not is_alive(running.pid):
                    return True
                time.sleep(0.02)
        raise WarehouseUnavailable(
            f"The embedded Postgres (process {running.pid}) does not stop; look at what it is doing, "
            f"or end it with: kill -9 {running.pid}"
        )

    def _run(self, program: str, *arguments: str, entered: str = "") -> None:
        done = subprocess.run(  # noqa: S603 - the wheel's own programs
            [str(self.programs / program), *arguments],
            input=entered,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=_ENVIRONMENT,
            umask=0o077,
            user=self.account.uid if self.account else None,
            group=self.account.gid if self.account else None,
            extra_groups=[] if self.account else None,
        )
        if done.returncode != 0:
            complaints = [line for line in done.stderr.splitlines() if re.search("error|FATAL|PANIC", line)]
            reason = complaints[0] if complaints else f"{program} gave no reason"
            raise WarehouseUnavailable(
                f"The embedded Postgres in {self.data} could not be set up ({reason.strip()}); make room or give "
                "access there, name another folder in SPOTIFY_ASSETS_HOME, or set DATABASE_URL."
            )


def server_on(data: Path) -> Server | None:
    """The server that runs on a data directory now, however it was started."""
    note = data / "postmaster.pid"
    try:
        lines = note.read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None
    pid = _number(lines)
    if pid is None or len(lines) < 4 or not is_alive(pid) or not _works_in(pid, data):
        return None
    return Server(pid, int(lines[3]), is_ready=len(lines) > 7 and lines[7].strip() == "ready")


def is_alive(pid: int) -> bool:
    """Whether a process that we may signal has this number and has not ended."""
    try:
        os.kill(pid, 0)
        # Where nobody collects ended processes (a container without an init), they keep their number.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, PermissionError):
        return False
    except FileNotFoundError:
        return not Path("/proc/self").exists()


def _number(lines: list[str]) -> int | None:
    return int(lines[0]) if lines and lines[0].isdigit() else None


def _clear_misleading_note(note: Path) -> None:
    """Removes a note that Postgres would stumble over; with any other it finds out itself whether it may start.

    After a reboot the number may belong to another process of ours; after a power cut the file may be empty.
    """
    if note.exists():
        pid = _number(note.read_text().splitlines())
        if pid is None or is_alive(pid):
            note.unlink()


def _works_in(pid: int, data: Path) -> bool:
    # A postmaster's working directory is its data directory, under whatever name either has by now.
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cwd").samefile(data)
        except OSError:
            return False
    listing = ["/bin/ps", "-p", str(pid), "-o", "command="]
    return "postgres" in subprocess.run(listing, capture_output=True, text=True, check=False).stdout  # noqa: S603


def _options() -> list[str]:
    return [part for name, value in _SETTINGS.items() for part in ("-c", f"{name}={value}")]
