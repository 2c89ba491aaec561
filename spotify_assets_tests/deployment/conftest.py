"""A stack whose Postgres is new, as the server of a new installation is."""

import os
import subprocess
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from spotify_assets.storage.embedded import DATABASE, ROLE, EmbeddedPostgres
from spotify_assets.storage.postgres_programs import reachable_programs
from spotify_assets_tests.deployment.image import REPOSITORY
from spotify_assets_tests.deployment.stack import Stack

MakeStack = Callable[..., Stack]


@pytest.fixture(scope="session")
def empty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server of its own: roles belong to the server, and the stack makes its own."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("stack_postgres"))
    server.start()
    try:
        yield server
    finally:
        server.destroy()


@pytest.fixture
def make_stack(empty_server: EmbeddedPostgres, s3_server: str, tmp_path: Path) -> Iterator[MakeStack]:
    """Puts a stack together on a server with nobody in it but its superuser; all ends with the test."""
    made: list[Stack] = []
    numbers = count(1)

    def make(*files: str, **added: str) -> Stack:
        _empty(empty_server)
        addresses = {"5432": str(urlsplit(empty_server.admin_dsn()).port), "s3:8333": urlsplit(s3_server).netloc}
        folder = tmp_path / f"stack{next(numbers)}"
        stack = Stack(folder, addresses, added, files)
        made.append(stack)
        first_start(stack, empty_server)
        return stack

    yield make
    for stack in made:
        stack.kill()


def first_start(stack: Stack, server: EmbeddedPostgres) -> None:
    """What the Postgres image does with a new server: psql, as the superuser, on what is mounted for it."""
    service = stack.services["postgres"]
    [script] = [each.split(":")[0] for each in service["volumes"] if "docker-entrypoint-initdb.d" in each]
    secrets = {name: stack.here(value) for name, value in service["environment"].items()}
    psql = [reachable_programs() / "psql", "--no-psqlrc", "--quiet", "--file", REPOSITORY / script, server.admin_dsn()]
    subprocess.run(psql, env={"PATH": os.environ["PATH"]} | secrets, check=True)


def dump(url: str) -> bytes:
    """A database, by the command of docs/deploying.md."""
    command = [str(reachable_programs() / "pg_dump"), "--format=custom", "--no-owner", url]
    return subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout


def restore(dumped: bytes, url: str) -> None:
    """A dump into an empty database, whose owner's it becomes, by the command of docs/deploying.md."""
    options = ["--no-owner", "--exit-on-error"]
    subprocess.run([reachable_programs() / "pg_restore", *options, "--dbname", url], input=dumped, check=True)


def move_database(source: str, target: str) -> None:
    """A database into another one."""
    restore(dump(source), target)


def _empty(server: EmbeddedPostgres) -> None:
    with psycopg.connect(server.admin_dsn(), autocommit=True) as admin:
        for name in (DATABASE, "dagster"):
            admin.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
        for name in (ROLE, "spotify_pipeline", "dagster", "reader"):
            admin.execute(sql.SQL("drop role if exists {}").format(sql.Identifier(name)))
