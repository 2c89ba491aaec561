"""Looks at what is kept: Postgres, the lake, and the keys of the logins."""

from secrets import token_hex

from spotify_assets.errors import LakeUnavailable
from spotify_assets.health.findings import Finding
from spotify_assets.settings import Settings
from spotify_assets.storage.lake import Lake, open_lake
from spotify_assets.storage.migrations import known_migrations
from spotify_assets.storage.warehouse import open_warehouse

POSTGRES, LAKE = "Postgres", "lake"


def look_at_postgres(settings: Settings) -> Finding:
    """Whether it is there, has our schema, and takes a write, which is taken back."""
    warehouse = open_warehouse(settings)
    with warehouse.connect() as connection:
        version = connection.info.parameter_status("server_version") or "?"
        connection.execute(
            "insert into ops.spool (lake_key, body, spooled_at) values (%s, '', 'epoch')",
            (f"probe/{token_hex(8)}",),
        )
        connection.rollback()
    where, schema = warehouse.where.removeprefix("Postgres "), known_migrations()[-1].number
    says = f"{where}, version {version.split()[0]}; schema {schema} is in place, writing works"
    return Finding(POSTGRES, "green", says)


def look_at_lake(settings: Settings) -> Finding:
    """Writes, reads, lists and deletes an object under `probe/`, where nobody looks for payloads."""
    lake = open_lake(settings)
    where = settings.lake_url or str(settings.home_path / "lake")
    key, body = f"probe/{token_hex(8)}.json.gz", b'{"probe": true}'
    lake.put(key, body)
    try:
        broken = _broken(lake, key, body)
    finally:
        lake.delete(key)
    if broken is None and key in lake.list("probe/"):
        broken = "still has an object that was deleted"
    if broken:
        raise LakeUnavailable(f"The lake {where} {broken}: see to the server or disk that keeps it.")
    return Finding(LAKE, "green", f"{where}: writing, reading, listing and deleting work")


def _broken(lake: Lake, key: str, body: bytes) -> str | None:
    try:
        if lake.get(key) != body:
            return "gave back other bytes than were written"
    except KeyError:
        return "does not know an object that was just written"
    return None if key in lake.list("probe/") else "does not list an object that was just written"
