"""`spotify-assets export`: everything that is kept of a listener, into a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars

from spotify_assets.clock import clock_from
from spotify_assets.modelling.project import find_project
from spotify_assets.settings import settings
from spotify_assets.storage.lake import open_lake
from spotify_assets.storage.warehouse import open_warehouse
from spotify_assets.takeout.writing import Progress, Takeout, Written


def export(
    user: Annotated[str, typer.Argument(metavar="USER", help="The listener's local name.")],
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A folder that is empty, missing, or an earlier export.")
    ],
) -> None:
    """Write everything that is kept of a listener as Parquet and CSV, with a README that says what is what.

    Example: spotify-assets export ada ~/my_listening
    """
    chosen = settings()
    warehouse = open_warehouse(chosen)
    with _bar() as progress:
        written = Takeout(
            user_id=user,
            folder=directory.expanduser().absolute(),
            warehouse=warehouse,
            lake=open_lake(chosen),
            manifest=find_project(chosen.home_path).manifest(),
            clock=clock_from(chosen),
            progress=progress,
        ).write()
    typer.echo("\n".join(_said(user, written)))


def _said(user: str, written: Written) -> Iterator[str]:
    width = max(len(file.name) for file in written.files)
    for file in written.files:
        unit = "objects" if file.name.endswith("/") else "rows"
        count = f"{file.count:>12,} {unit:<7}" if file.name.endswith((".csv", ".parquet", "/")) else " " * 20
        yield f"{file.name:<{width}}{count}  {decimal(file.size):>9}"
    yield from written.problems
    if written.plays == 0:
        yield f"{user} has no plays: the tables that are made of them are empty."
    yield f"Everything that is kept of {user} is in {written.folder}; README.md there says what is what."


@contextmanager
def _bar() -> Iterator[Progress]:
    console = Console(stderr=True)
    columns = TextColumn("{task.description:<24}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Bars(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
        task = bars.add_task("", total=None)

        def progress(what: str, done: int, total: int | None) -> None:
            bars.update(task, description=what, completed=done, total=total)

        yield progress
