"""`spotify-assets import USER PATH…`: what Spotify sent on request, into the lake and the warehouse."""

import sys
from collections.abc import Iterable
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from spotify_assets.cli.runs import dagster_history, run_job
from spotify_assets.cli.zones import zone_for
from spotify_assets.clock import clock_from
from spotify_assets.errors import UserError
from spotify_assets.listening.exports.importing import Imported, import_export
from spotify_assets.listening.exports.intake import check_it_can_be_read_back
from spotify_assets.listening.exports.recognition import EXPECTED
from spotify_assets.listening.exports.report import Summary, most_played, summary
from spotify_assets.listening.exports.sources import bytes_in, given, read
from spotify_assets.settings import Settings, settings
from spotify_assets.spotify.logins import checked_user_id
from spotify_assets.storage.lake import open_lake
from spotify_assets.storage.warehouse import Warehouse, open_warehouse


def import_(
    user: Annotated[
        str, typer.Argument(metavar="USER", help="The listener's local name; a new one is a new listener.")
    ],
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH…", help="The zip, its unpacked folder, or files from it.")
    ],
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", help="A new listener's, such as Europe/Berlin; else you are asked.")
    ] = None,
) -> None:
    """Import the listening history that Spotify sends on request; needs no login, and calls nobody.

    Example: spotify-assets import alex ~/Downloads/my_spotify_data.zip
    """
    started = monotonic()
    chosen = settings()
    user_id = checked_user_id(user)
    warehouse = open_warehouse(chosen)
    zone = zone_for(warehouse, user_id, time_zone)
    if time_zone not in (None, zone):
        typer.echo(
            f"{user_id} is known with the time zone {zone} and keeps it; to change it: "
            f"spotify-assets listeners set {user_id} --time-zone {time_zone}"
        )
    imported = _import(chosen, warehouse, user_id, paths, zone)
    check_it_can_be_read_back(imported)
    if imported.export_hash is None:
        raise UserError(" ".join(imported.refused) or f"There is no listening history in what was given: {EXPECTED}.")
    _build(chosen, imported)
    files = sorted({member.file_hash for member in imported.members})
    found = summary(warehouse, user_id, files, imported.known_before)
    _tell(found, imported, most_played(warehouse, user_id, files), monotonic() - started)
    for sentence in imported.refused:
        sys.stderr.write(f"spotify-assets: {sentence}\n")
    if imported.refused:
        raise typer.Exit(1)


def _import(chosen: Settings, warehouse: Warehouse, user_id: str, paths: Iterable[Path], zone: str) -> Imported:
    files, refused = given(paths)
    console = Console(stderr=True)
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"), TimeRemainingColumn(),
        console=console, disable=not console.is_terminal,
    )  # fmt: skip
    with bar:
        task = bar.add_task("Landing and loading", total=bytes_in(files))
        return import_export(
            warehouse,
            open_lake(chosen),
            clock_from(chosen),
            user_id,
            chain(refused, read(files)),
            zone,
            lambda size: bar.advance(task, size),
        )


def _build(chosen: Settings, imported: Imported) -> None:
    """The run that the UI shows: it tells what the export holds, and builds the models."""
    from spotify_assets.listening.exports.assets import EXPORTS, LOADED_TAG

    Console(stderr=True).print("Building the models, checking …")
    partition = str(imported.partition)
    with dagster_history(chosen) as instance:
        instance.add_dynamic_partitions(str(EXPORTS.name), [partition])
    run_job("history_import", chosen, partition=partition, tags={LOADED_TAG: " ".join(sorted(imported.known_before))})


def _tell(found: Summary, imported: Imported, titles: list[tuple[str, int]], seconds: float) -> None:
    known = len(imported.known_before)
    fields = f", and {found.fields_quarantined:,} single fields" if found.fields_quarantined else ""
    lines = [
        ("Files", f"{found.files}" + (f", {known} of them known before" if known else "")),
        ("Rows read", f"{found.rows_read:,}"),
        ("New streams", f"{found.new:,}"),
        ("Repeated rows", f"{found.repeated:,}, which say the same as another row of this export"),
        ("Known before", f"{found.known:,}"),
        ("In quarantine", f"{found.quarantined:,}{fields}"),
        *(("", f"{count:,} × {reason}") for reason, count in found.reasons[:5]),
    ]
    if found.first and found.last:
        lines.append(("Span", f"{found.first:%Y-%m-%d %H:%M} to {found.last:%Y-%m-%d %H:%M} UTC"))
        lines.append(("Played", f"{found.hours:,.1f} hours"))
    lines += [
        ("" if place else "Most played", f"{title}: {streams:,} times") for place, (title, streams) in enumerate(titles)
    ]
    if imported.left_alone:
        lines.append(("Left alone", ", ".join(other.name for other in imported.left_alone)))
    for name, value in lines:
        typer.echo(f"{name:15}{value}")
    typer.echo(f"Done in {seconds:.1f} s, {found.rows_read / max(seconds, 0.1):,.0f} rows a second.")
