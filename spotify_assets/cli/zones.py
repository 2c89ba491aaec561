"""The time zone of a new listener: given, asked for, or the machine's."""

import sys

import typer

from spotify_assets.spotify.logins import checked_time_zone, machine_zone
from spotify_assets.spotify.outcomes import LoginRefused
from spotify_assets.storage.time_zones import check_zone, kept_zone
from spotify_assets.storage.warehouse import Warehouse


def zone_for(warehouse: Warehouse, user_id: str, given: str | None) -> str:
    """The time zone for a new listener; who is known, or was removed, keeps theirs and is not asked."""
    with warehouse.connect() as connection:
        kept = kept_zone(connection, user_id)
    if kept:
        return kept
    zone = _new_zone(given)
    with warehouse.connect() as connection:
        # Now, since otherwise what comes next would be in vain.
        check_zone(connection, zone)
    return zone


def _new_zone(given: str | None) -> str:
    if given is not None:
        return checked_time_zone(given)
    machine = machine_zone()
    if not sys.stdin.isatty():
        typer.echo(f"The time zone is this machine's, {machine}; --time-zone gives another one.")
        return machine
    return str(typer.prompt("Time zone, for days and hours of listening", default=machine, value_proc=_typed_zone))


def _typed_zone(text: str) -> str:
    try:
        return checked_time_zone(text.strip())
    except LoginRefused as refused:
        raise typer.BadParameter(str(refused)) from None
