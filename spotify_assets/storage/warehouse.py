"""The warehouse: one way to reach Postgres, embedded or by `DATABASE_URL`, with the schema in place."""

from dataclasses import dataclass, field
from threading import Lock
from types import TracebackType

import psycopg
from psycopg import conninfo

from spotify_assets.errors import SettingsError, WarehouseUnavailable
from spotify_assets.settings import Settings
from spotify_assets.storage.embedded import EmbeddedPostgres
from spotify_assets.storage.migrations import migrate

_migrated: set[str] = set()
_migrating = Lock()


# SQLSTATE classes: connection, a read-only server, resources (a full disk), operator (a shutdown), system.
_LOST = ("08", "25", "53", "57", "58")


class _Connection(psycopg.Connection):
    """A connection whose `with` block says in a sentence that the database went away."""

    where = "Postgres"

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            super().__exit__(kind, error, trace)
        except psycopg.Error as at_commit:
            error = error or at_commit
            if not _is_lost(error):
                raise
        if error is not None and _is_lost(error):
            raise WarehouseUnavailable(
                f"{self.where} went away or can't go on ({str(error).strip().splitlines()[0]}); "
                "see that it runs and has room; the next tick goes on from there."
            ) from error


def _is_lost(error: BaseException) -> bool:
    if isinstance(error, psycopg.InterfaceError):
        return True
    return isinstance(error, psycopg.OperationalError | psycopg.errors.ReadOnlySqlTransaction) and (
        (error.sqlstate or "08")[:2] in _LOST
    )


@dataclass(frozen=True)
class Warehouse:
    """A Postgres database."""

    dsn: str = field(repr=False)
    """Its address, password included: a secret."""

    @property
    def where(self) -> str:
        """The database in words for a person, without the password: `Postgres at host:port, database name`."""
        parts = _parts(self.dsn)
        host = parts.get("host") or parts.get("hostaddr") or "the local socket"
        port = f":{parts['port']}" if parts.get("port") else ""
        name = parts.get("dbname")
        return f"Postgres at {host}{port}" + (f", database {name}" if name else "")

    def connect(self) -> psycopg.Connection:
        """Opens a connection: UTC, no autocommit; as a context manager it commits (or rolls back) and closes.

        Raises `WarehouseUnavailable` where the database can't be reached, and at the end of the `with` block where it
        went away, or ran out of disk or memory, inside it.
        """
        where = self.where
        try:
            connection = _Connection.connect(
                self.dsn,
                connect_timeout=10,
                application_name="spotify_assets",
                options="-c TimeZone=UTC",
                # A server that vanished without a word is noticed within a minute.
                keepalives_idle=20,
                keepalives_interval=10,
                keepalives_count=3,
                tcp_user_timeout=60_000,
            )
            connection.where = where
        except psycopg.OperationalError as error:
            # Below it libpq may ask whether a server runs there at all.
            reason = str(error).strip().splitlines()[0].rpartition(" failed: ")[2].strip()
            raise WarehouseUnavailable(
                f"{where} can't be used ({reason}); start it (or correct DATABASE_URL) and try again."
            ) from error
        return connection

    def migrate(self) -> list[str]:
        """Brings the schema up to date; returns the names of the steps that were missing."""
        with self.connect() as connection:
            return migrate(connection, self.where)


def open_warehouse(settings: Settings) -> Warehouse:
    """The warehouse of these settings, running and migrated (looked at once a process).

    Raises `WarehouseUnavailable` with one sentence that never holds the password.
    """
    if settings.database_url is None:
        postgres = EmbeddedPostgres(settings.home_path)
        postgres.start()
        warehouse = Warehouse(postgres.dsn())
    else:
        warehouse = Warehouse(settings.database_url.get_secret_value())
    with _migrating:
        if warehouse.dsn not in _migrated:
            warehouse.migrate()
            _migrated.add(warehouse.dsn)
    return warehouse


def _parts(dsn: str) -> dict[str, str]:
    # The parser's own message repeats parts of the address, as the port does where a password holds a bare slash.
    unreadable = SettingsError(
        "DATABASE_URL is no address that Postgres understands; it should look like "
        "postgresql://user:password@host:5432/database, with special characters percent-encoded."
    )
    try:
        parts = {name: str(value) for name, value in conninfo.conninfo_to_dict(dsn).items()}
    except psycopg.ProgrammingError:
        raise unreadable from None
    if not all(port.isdigit() for port in parts.get("port", "5432").split(",")):
        raise unreadable
    return parts
