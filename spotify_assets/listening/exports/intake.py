"""Taking in what lies in the inbox: which export it is, and landing, loading and only then deleting it."""

from dataclasses import dataclass

from spotify_assets.clock import Clock
from spotify_assets.errors import UserError
from spotify_assets.listening.exports.importing import Imported, import_export
from spotify_assets.listening.exports.inbox import Entry, Inbox
from spotify_assets.listening.exports.manifest import digest, export_hash
from spotify_assets.listening.exports.recognition import EXPECTED
from spotify_assets.listening.exports.sources import Found, Refused, read
from spotify_assets.spotify.logins import checked_user_id, machine_zone
from spotify_assets.spotify.outcomes import LoginRefused
from spotify_assets.storage.lake import Lake
from spotify_assets.storage.warehouse import Warehouse


@dataclass(frozen=True)
class Look:
    """What an entry of the inbox is. `export_hash` is None where nothing of it can be taken."""

    export_hash: str | None
    refused: list[str]
    """A sentence for each file that can't be taken."""


def look_at(inbox: Inbox, entry: Entry) -> Look:
    """Reads an entry to find out which export it is; nothing is stored. Raises what the inbox raises."""
    try:
        checked_user_id(entry.user_id)
    except LoginRefused as why:
        return Look(None, [f"{entry.address} can't be imported: {why}"])
    hashes = set()
    refused = []
    for item in read(inbox.given(entry.address)):
        if isinstance(item, Found):
            hashes.add(digest(item.payload))
        elif isinstance(item, Refused):
            refused.append(item.sentence)
    if not hashes and not refused:
        refused.append(f"{entry.address} holds no listening history: {EXPECTED}.")
    return Look(export_hash(hashes) if hashes else None, refused)


def take_in(inbox: Inbox, address: str, user_id: str, warehouse: Warehouse, lake: Lake, clock: Clock) -> Imported:
    """Lands and loads an entry, and deletes it when each of its files has been read back from the lake.

    An entry of which anything was refused stays. A listener who is new gets this machine's time zone. Raises
    `UserError` where nothing could be taken, or the lake gives other bytes back.
    """
    imported = import_export(warehouse, lake, clock, user_id, read(inbox.given(address)), machine_zone())
    check_it_can_be_read_back(imported)
    if imported.export_hash is None:
        raise UserError(" ".join(imported.refused) or f"{address} holds no listening history: {EXPECTED}.")
    if not imported.refused:
        inbox.delete(address, imported.left_alone)
    return imported


def check_it_can_be_read_back(imported: Imported) -> None:
    """Raises `UserError` where the lake did not give back what was landed."""
    if imported.loaded.unreadable:
        raise UserError(
            f"The lake's object {imported.loaded.unreadable[0]} is damaged, and so are "
            f"{len(imported.loaded.unreadable) - 1} others: restore them from a backup, or delete them there, and "
            "import the export again."
        )
