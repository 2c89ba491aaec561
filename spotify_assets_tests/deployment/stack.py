"""The services of docker-compose.yaml as plain processes: the same commands, environment, secrets and files.

Only addresses differ: hosts become 127.0.0.1 and ports free ones, and what a container has under /etc, /run/secrets and
/usr/local/bin lies in a folder. Postgres is the embedded wheel's, and the S3 server is moto's.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from spotify_assets_tests.conftest import free_port
from spotify_assets_tests.deployment.image import REPOSITORY, read_dockerfile

_PROGRAMS = Path(sys.executable).parent
_CONTAINER_FOLDERS = ("/etc/spotify-assets", "/run/secrets", "/usr/local/bin", "/var/lib/spotify-assets")


def read_compose(*added: str) -> dict[str, Any]:
    """docker-compose.yaml with the variables' defaults filled in, as with an empty .env, and files on top of it."""
    read: dict[str, Any] = {}
    for path in ("docker-compose.yaml", *added):
        over = _filled(yaml.safe_load((REPOSITORY / path).read_text()))
        for name, service in over["services"].items():
            if "extends" in service:
                over["services"][name] = _merged(read["services"][service["extends"]["service"]], service)
        read = _merged(read, over)
    return read


def _merged(under: Any, over: Any) -> Any:
    """As compose merges: mappings key by key; secrets add up; all else is replaced."""
    if isinstance(under, dict) and isinstance(over, dict):
        merged = under | {name: _merged(under.get(name), value) for name, value in over.items()}
        if "secrets" in under and isinstance(under["secrets"], list):
            merged["secrets"] = [*under["secrets"], *over.get("secrets", [])]
        return merged
    return over


def _filled(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _filled(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_filled(value) for value in node]
    if isinstance(node, str):
        return re.sub(r"\$\$|\$\{\w+:-([^}]*)\}", lambda found: "$" if found[0] == "$$" else found[1], node)
    return node


@dataclass
class Stack:
    """One installation in a folder. `addresses` says what becomes of hosts and ports, word by word."""

    folder: Path
    addresses: dict[str, str]
    added: dict[str, str] = field(default_factory=dict)
    """What the pipeline's containers get besides, such as the simulator's addresses."""
    files: tuple[str, ...] = ()
    """Compose files on top."""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.services = read_compose(*self.files)["services"]
        self.image = read_dockerfile()[-1]
        self.image.unpack(self.folder)
        subprocess.run([REPOSITORY / "deploy/make-secrets", self.folder / "run/secrets"], check=True)
        for name in ("0.0.0.0", "postgres", "code-server"):  # noqa: S104 - here it stands for what it becomes
            self.addresses.setdefault(name, "127.0.0.1")
        for port in ("3000", "3001", "4000", "6379"):
            self.addresses.setdefault(port, str(free_port()))
        for name in ("database_url", "broker_url"):
            url = self.folder / "run/secrets" / name
            url.write_text(
                re.sub(r"@\w+:(\d+)/", lambda found: f"@127.0.0.1:{self.addresses[found[1]]}/", url.read_text())
            )

    def secret(self, name: str) -> str:
        return (self.folder / "run/secrets" / name).read_text().strip()

    def here(self, text: str) -> str:
        """What a word of the compose file is in this stack."""
        for folder in _CONTAINER_FOLDERS:
            text = text.replace(folder, str(self.folder / folder.lstrip("/")))
        words = sorted(self.addresses, key=len, reverse=True)
        pattern = "|".join(rf"(?<![\w.-]){re.escape(word)}(?![\w.-])" for word in words)
        return re.sub(pattern, lambda found: self.addresses[found[0]], text)

    def environment(self, name: str) -> dict[str, str]:
        """Of a service: the image's variables, then its own, and what any program needs."""
        service = self.services[name]
        own: dict[str, str] = self.image.environment | service["environment"]
        inside = {key: self.here(value) for key, value in own.items()}
        path = f"{self.folder / 'usr/local/bin'}:{_PROGRAMS}:{os.environ['PATH']}"
        knows_spotify = "TOKEN_ENCRYPTION_KEY_FILE" in inside
        return inside | {"PATH": path, "HOME": str(self._home())} | (self.added if knows_spotify else {})

    def command(self, name: str) -> list[str]:
        service = self.services[name]
        words = [*(service.get("entrypoint") or self.image.entrypoint), *service["command"]]
        return [self.here(word) for word in words]

    def start(self, name: str, *more: str, replaced: Mapping[str, str] | None = None, scale: str = "") -> None:
        """Starts a service, with words after its command; what it prints goes to its log. `scale` tells twins apart."""
        words = [(replaced or {}).get(word, word) for word in self.command(name)]
        with self.log(name + scale).open("wb") as output:
            self.processes[name + scale] = self._process([*words, *more], self.environment(name), output)

    def run(self, name: str, *words: str) -> str:
        """Runs a service, or other words in its place, to the end; returns what was printed."""
        command = [self.here(word) for word in words] or self.command(name)
        done = subprocess.run(
            command,
            env=self.environment(name),
            cwd=self._home(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def is_healthy(self, name: str) -> bool:
        """Whether a service's own health check passes."""
        kind, *words = self.services[name]["healthcheck"]["test"]
        assert kind == "CMD"
        command = [self.here(word) for word in words]
        looked = subprocess.run(command, env=self.environment(name), cwd=self._home(), capture_output=True, check=False)
        return looked.returncode == 0

    def listens(self, port: str) -> bool:
        """Whether somebody answers at a port, which costs less than a health check."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", int(self.addresses[port]))) == 0

    def wait(self, done: Callable[[], bool], seconds: float = 240) -> None:
        """Waits for something; shows all logs where it does not come, or where a service has ended."""
        until = time.monotonic() + seconds
        while not done():
            ended = [name for name, process in self.processes.items() if process.poll() is not None]
            assert not ended, f"{ended} ended\n{self.logs()}"
            assert time.monotonic() < until, self.logs()
            time.sleep(0.5)

    def logs(self) -> str:
        return "\n".join(f"--- {name}\n{self.log(name).read_text()}" for name in self.processes)

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def address(self, port: str) -> str:
        return f"http://127.0.0.1:{self.addresses[port]}"

    def kill(self, *names: str) -> None:
        """Ends services, or all of them, with their runs and without a word."""
        for name in names or tuple(self.processes):
            process = self.processes.pop(name)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _home(self) -> Path:
        home = self.folder / "var/lib/spotify-assets"
        home.mkdir(parents=True, exist_ok=True)
        return home

    def _process(self, words: list[str], environment: Mapping[str, str], output: Any) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            words,
            env=environment,
            cwd=self._home(),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
