"""Looking for secrets in everything that runs leave behind: files of any kind, databases, tables, processes."""

import gzip
import sqlite3
import zlib
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from psycopg import sql

from spotify_assets.storage.warehouse import Warehouse

Piece = tuple[str, bytes]
"""Where something lies, and what."""


def forms(secret: str) -> set[bytes]:
    """A secret as it may be written: plain, for a URL, in base64 and in hexadecimal digits."""
    plain = secret.encode()
    encoded = (b64encode(plain), urlsafe_b64encode(plain), quote(secret, safe="").encode(), plain.hex().encode())
    return {plain, *(form.rstrip(b"=") for form in encoded)}


def leaks(secrets: Mapping[str, str], pieces: Iterable[Piece]) -> list[str]:
    """Which secret (by its name) lies where, as sentences."""
    wanted = [(name, form) for name, secret in secrets.items() for form in forms(secret)]
    return sorted({f"{name} lies in {where}" for where, content in pieces for name, form in wanted if form in content})


def in_files(folder: Path, allowed: Collection[Path] = ()) -> Iterator[Piece]:
    """The content of all files below a folder, packed ones unpacked, values of SQLite databases one by one."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path not in allowed:
            yield str(path.relative_to(folder)), str(path.relative_to(folder)).encode()
            content = path.read_bytes()
            if content.startswith(b"SQLite format 3"):
                yield from _in_sqlite(path)
            yield from _unpacked(str(path.relative_to(folder)), content)


def in_tables(warehouse: Warehouse) -> Iterator[Piece]:
    """All values of all tables of a database but Postgres's own."""
    with warehouse.connect() as connection:
        tables = connection.execute(
            "select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema')"
        ).fetchall()
        for schema, table in tables:
            rows = connection.execute(sql.SQL("select * from {}").format(sql.Identifier(schema, table)))
            names = [column.name for column in rows.description or []]
            for row in rows:
                for name, value in zip(names, row, strict=True):
                    yield from _unpacked(f"{schema}.{table}.{name}", _as_bytes(value))


def in_processes(folder: Path) -> Iterator[Piece]:
    """What everybody on the machine may read of the processes that work in a folder: arguments; and environments."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cwd").resolve() == folder.resolve():
                for what in ("cmdline", "environ"):
                    yield f"{what} of a process in {folder}", (process / what).read_bytes()


def _in_sqlite(path: Path) -> Iterator[Piece]:
    """A value of some length lies in several pages of the file, so that a search of the file itself could miss it."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        for (table,) in database.execute("select name from sqlite_master where type = 'table'").fetchall():
            for row in database.execute(f'select * from "{table}"'):
                for value in row:
                    yield from _unpacked(f"{path.name}, table {table}", _as_bytes(value))


def _as_bytes(value: object) -> bytes:
    return bytes(value) if isinstance(value, bytes | memoryview) else str(value).encode(errors="replace")


def _unpacked(where: str, content: bytes) -> Iterator[Piece]:
    yield where, content
    if content.startswith(b"\x1f\x8b"):
        yield where, gzip.decompress(content)
    elif content[:1] == b"\x78":
        with suppress(zlib.error):
            yield where, zlib.decompress(content)
