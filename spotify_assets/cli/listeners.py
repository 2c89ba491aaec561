"""`spotify-assets listeners …`: who is connected, their time zones and shown names, and how one leaves."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from spotify_assets.clock import clock_from
from spotify_assets.errors import UserError
from spotify_assets.listeners.overview import Overview, all_listeners, known_history, known_login
from spotify_assets.listeners.rows import forget_login
from spotify_assets.settings import Settings, settings
from spotify_assets.spotify.logins import checked_time_zone, checked_user_id
from spotify_assets.spotify.seeds import given_seed, spend_seed
from spotify_assets.storage.lake import open_lake
from spotify_assets.storage.time_zones import set_for_all_time, set_from
from spotify_assets.storage.warehouse import Warehouse, open_warehouse

LONGEST_NAME = 100
# Spotify was founded on the first of them; nobody moves that far ahead of the second.
EARLIEST, LATEST = date(2006, 4, 23), date(2100, 1, 1)
app = typer.Typer(help="The listeners: who is connected, time zones, shown names, removal.")

User = Annotated[str, typer.Argument(metavar="USER", help="The listener's local name.")]

_UNREACHED = (
    "backups, dumps and snapshots of the warehouse, the lake or Dagster's history",
    "Postgres' write-ahead log and logs, and room in its files that is not used anew yet (VACUUM has run)",
    "old versions of objects, where the lake's bucket keeps versions",
    "messages that were sent to Slack",
    "exports that the person holds, and what Spotify itself keeps",
)


AsJson = Annotated[bool, typer.Option("--json", help="As JSON, with all times in UTC.")]


@app.callback(invoke_without_command=True)
def listeners(context: typer.Context, as_json: AsJson = False) -> None:
    """The listeners: who is connected, time zones, shown names, removal. Without a command: who is connected.

    Example: spotify-assets listeners
    """
    if context.invoked_subcommand is None:
        list_(as_json)
    elif as_json:
        raise UserError("--json goes with the list: spotify-assets listeners list --json")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """Show who is connected, until when, and when each was last polled and heard.

    Example: spotify-assets listeners list --json
    """
    chosen = settings()
    with open_warehouse(chosen).connect() as connection:
        everybody = all_listeners(connection, chosen.spotify_api_url, clock_from(chosen).now())
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in everybody], indent=2, ensure_ascii=False, default=_as_text))
    elif not everybody:
        typer.echo("Nobody is connected. The README says how to connect Spotify.")
    else:
        _show(everybody)


@app.command("set")
def set_(
    user: User,
    time_zone: Annotated[str, typer.Option("--time-zone", metavar="ZONE", help="Such as Europe/Berlin.")],
    first: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="From local midnight of this date on.")
    ] = None,
) -> None:
    """Set the time zone in which a listener's days begin, for the whole history or from a date on.

    Example: spotify-assets listeners set ada --time-zone Asia/Tokyo --from 2026-05-02
    """
    zone = checked_time_zone(time_zone)
    if first and not EARLIEST <= first.date() <= LATEST:
        raise UserError(f"--from {first:%Y-%m-%d} is no day of listening: give one between {EARLIEST} and {LATEST}.")
    with open_warehouse(settings()).connect() as connection:
        known_history(connection, user)
        if first:
            set_from(connection, user, zone, first.date())
            said = f"From {first:%Y-%m-%d} on {user}'s days begin in {zone}."
        else:
            replaced = set_for_all_time(connection, user, zone)
            said = f"{user}'s days begin in {zone}, in the whole history"
            said += f"; that replaces {replaced} dated changes." if replaced else "."
    typer.echo(f"{said} The next tick builds the days that it moves.")


@app.command()
def rename(user: User, name: Annotated[str, typer.Argument(metavar="NAME", help="The name to show.")]) -> None:
    """Change the name that is shown for a listener; the local name stays.

    Example: spotify-assets listeners rename ada "Ada L."
    """
    shown = name.strip()
    if not shown or not shown.isprintable() or len(shown) > LONGEST_NAME:
        raise UserError(f"That name can't be shown for {user}: give up to {LONGEST_NAME} printable characters.")
    with open_warehouse(settings()).connect() as connection:
        known_history(connection, user)
        for table in ("ops.listeners", "ops.unconnected_listeners"):
            connection.execute(f"update {table} set display_name = %s where user_id = %s".encode(), (shown, user))
    typer.echo(f"{user} is shown as {shown}.")


@app.command()
def remove(
    user: User,
    erase: Annotated[bool, typer.Option("--erase", help="Erase the person's whole history too.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Erase without asking.")] = False,
) -> None:
    """Disconnect a listener: the login is forgotten, the history stays unless --erase is given.

    Example: spotify-assets listeners remove ada --erase
    """
    chosen = settings()
    warehouse = open_warehouse(chosen)
    checked_user_id(user)
    seed = given_seed(chosen)
    if seed:
        with warehouse.connect() as connection:
            spend_seed(connection, seed, chosen.spotify_api_url)
    if erase:
        _erase(chosen, warehouse, user, yes)
        return
    with warehouse.connect() as connection:
        known_login(connection, user)
        forget_login(connection, user, clock_from(chosen).now())
    typer.echo(
        f"{user} is disconnected and not polled any more. What was landed and loaded stays; to erase that too: "
        f"spotify-assets listeners remove {user} --erase"
    )


def _erase(chosen: Settings, warehouse: Warehouse, user: str, yes: bool) -> None:
    if not yes:
        typer.echo(
            f"This erases {user}: login, plays, lake objects, inbox, and the runs in Dagster's history that name or "
            "show them. It can't be undone."
        )
        if typer.prompt(f"Type {user} to go on").strip() != user:
            raise UserError(f"Nothing was erased: that was not {user}.")
    # Dagster and dbt, which only this needs, take a second to import.
    from spotify_assets.cli.runs import dagster_history, dagster_home
    from spotify_assets.listeners.erasure import Erasure
    from spotify_assets.listeners.history import History, partition_sets
    from spotify_assets.modelling.project import find_project

    with dagster_history(chosen) as instance:
        erased = Erasure(
            user_id=user,
            warehouse=warehouse,
            lake=open_lake(chosen),
            home=chosen.home_path,
            clock=clock_from(chosen),
            project=find_project(chosen.home_path),
            history=History(instance, dagster_home(chosen), partition_sets()),
            progress=_progress,
        ).run()
    table = Table("place", "removed", "left", title=f"What was found of {user}", title_justify="left")
    for place in erased.places:
        if place.found or place.left:
            table.add_row(place.name, str(max(place.found - place.left, 0)), str(place.left))
    console = _console()
    console.print(table if table.row_count else f"Nothing of {user} was found.")
    console.print(
        f"Looked at {len(erased.places)} places: every table, the lake, the inbox, dbt's notes, Dagster's history. "
        "Out of reach:"
    )
    for unreached in _UNREACHED:
        console.print(f"  * {unreached}")
    if erased.problems:
        raise UserError(" ".join(erased.problems))
    if any(place.left for place in erased.places):
        raise UserError(f"Something of {user} is left; run the same command again.")
    console.print(f"Nothing of {user} is left in what was looked at.")


def _progress(batches: list[list[str]]) -> Iterable[list[str]]:
    pages = sum(map(len, batches))
    if not pages:
        return batches
    console = Console(stderr=True)
    console.print(
        f"Loading the {pages} pages and exports of the other listeners again, for what only this one played to go."
    )
    return track(batches, "Loading", console=console)


def _show(everybody: Sequence[Overview]) -> None:
    table = Table("listener", "shown as", "state", "login lasts until", "last poll", "last play", "time zone")
    for one in everybody:
        table.add_row(
            one.user_id,
            one.display_name or "–",
            _state(one),
            _until(one),
            _time(one, one.polled_at),
            _time(one, one.last_played_at),
            "; ".join([one.first_time_zone, *(f"{zone} from {day}" for day, zone in one.changes)]),
        )
    console = _console()
    console.print(table)
    console.print("Times are those of each listener's own time zone.")
    for one in everybody:
        if one.state == "needs_login":
            console.print(f"{one.user_id} has to log in again ({one.reason}): spotify-assets login {one.user_id}")
        if one.api_url is not None and not one.is_here:
            console.print(f"{one.user_id} is connected at {one.api_url}, and is not polled at this SPOTIFY_API_URL.")


def _console() -> Console:
    """As wide as the terminal; piped, so wide that nothing is broken or cut."""
    return Console(width=None if sys.stdout.isatty() else 400, highlight=False, markup=False)


def _state(one: Overview) -> str:
    if one.state == "removed":
        return "removed, history kept"
    if one.state == "no_login":
        return "no login, history imported"
    state = "needs login" if one.state == "needs_login" else "connected"
    return state if one.is_here else f"{state} at another API"


def _until(one: Overview) -> str:
    return _time(one, one.login_ends_at) + ("" if one.end_is_known or not one.login_ends_at else " at the latest")


def _time(one: Overview, at: datetime | None) -> str:
    return f"{at.astimezone(ZoneInfo(one.time_zone)):%Y-%m-%d %H:%M}" if at else "–"


def _as_text(value: object) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
