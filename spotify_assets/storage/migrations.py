"""Brings a database to the schema that this program needs: `migrations/NNNN_*.sql`, each applied once, in order."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import psycopg

from spotify_assets.errors import WarehouseUnavailable

_LOCK = 7_305_808_869_230_137_444  # any number that no other program on the same database takes
_OLDEST_POSTGRES = 15  # views with the rights of who reads them


@dataclass(frozen=True)
class Migration:
    """One step of the schema."""

    number: int
    name: str
    statements: str


@cache
def known_migrations() -> tuple[Migration, ...]:
    """The steps that this program knows, in order."""
    folder = files("spotify_assets.storage") / "migrations"
    scripts = sorted((file for file in folder.iterdir() if file.name.endswith(".sql")), key=lambda file: file.name)
    return tuple(Migration(int(file.name[:4]), file.name, file.read_text(encoding="utf-8")) for file in scripts)


def migrate(connection: psycopg.Connection, where: str, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Applies what is missing, in one transaction, and returns the names of what it applied.

    Two processes at once are safe: the second waits and finds nothing to do. `where` names the database in sentences.
    Raises `WarehouseUnavailable` for a database newer than the program, a Postgres too old, and missing privileges.
    """
    steps = known_migrations() if migrations is None else migrations
    version = connection.info.server_version // 10_000
    if version < _OLDEST_POSTGRES:
        raise WarehouseUnavailable(f"{where} is Postgres {version}; use Postgres {_OLDEST_POSTGRES} or newer.")
    try:
        with connection.transaction():
            if _missing(connection, steps, where) == []:
                return []
            connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
            connection.execute(
                "create table if not exists public.spotify_assets_migrations"
                " (number int primary key, name text not null)"
            )
            applied = _missing(connection, steps, where)
            for step in applied:
                connection.execute(step.statements.encode())
                connection.execute(
                    "insert into public.spotify_assets_migrations (number, name) values (%s, %s)",
                    (step.number, step.name),
                )
            return [step.name for step in applied]
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ReadOnlySqlTransaction) as error:
        raise WarehouseUnavailable(
            f"{where} does not let {connection.info.user} create its tables ({error.diag.message_primary}); "
            f"make {connection.info.user} the database's owner, or name another database in DATABASE_URL."
        ) from error


def _missing(connection: psycopg.Connection, steps: Sequence[Migration], where: str) -> list[Migration]:
    there = connection.execute("select to_regclass('public.spotify_assets_migrations')").fetchone()
    if there is None or there[0] is None:
        return list(steps)
    done = {number for (number,) in connection.execute("select number from public.spotify_assets_migrations")}
    newest = max((step.number for step in steps), default=0)
    if done and max(done) > newest:
        raise WarehouseUnavailable(
            f"{where} was made by a newer version of spotify-assets (schema {max(done)}, this one knows {newest}); "
            "upgrade the program."
        )
    return [step for step in steps if step.number not in done]
