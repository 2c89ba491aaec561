"""`spotify-assets db …`: the warehouse's server, its address, and a prompt in it."""

import os
import shutil
from typing import Annotated

import typer
from psycopg import conninfo

from spotify_assets.errors import UserError
from spotify_assets.settings import Settings, settings
from spotify_assets.storage.embedded import EmbeddedPostgres
from spotify_assets.storage.postgres_programs import wheel_programs
from spotify_assets.storage.warehouse import open_warehouse

app = typer.Typer(help="The warehouse's Postgres: start, stop, address, prompt.", no_args_is_help=True)

_NOT_OURS = "The warehouse is the Postgres that DATABASE_URL names: there is nothing to {}."


@app.command()
def start() -> None:
    """Start the embedded Postgres; it keeps running until `db stop`.

    Example: spotify-assets db start
    """
    found = settings()
    if found.database_url is not None:
        typer.echo(_NOT_OURS.format("start"))
        return
    warehouse = open_warehouse(found)
    typer.echo(f"{warehouse.where} is running; its data is kept for {found.home_path}.")


@app.command()
def stop() -> None:
    """Stop the embedded Postgres. What is stored stays; the next command starts it again.

    Example: spotify-assets db stop
    """
    found = settings()
    if found.database_url is not None:
        typer.echo(_NOT_OURS.format("stop"))
        return
    was_running = EmbeddedPostgres(found.home_path).stop()
    typer.echo(f"The embedded Postgres of {found.home_path} {'has stopped' if was_running else 'was not running'}.")


@app.command()
def url() -> None:
    """Print the warehouse's address for other programs. It CONTAINS THE PASSWORD: keep it to yourself.

    Example: pg_dump "$(spotify-assets db url)" > warehouse.sql
    """
    typer.echo(_address(settings()))


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def psql(
    arguments: Annotated[list[str] | None, typer.Argument(help="Arguments for psql, such as -c 'select 1'.")] = None,
) -> None:
    """Open an SQL prompt in the warehouse.

    Example: spotify-assets db psql -c 'select count(*) from marts.fct_plays'
    """
    parts = {name: str(value) for name, value in conninfo.conninfo_to_dict(_address(settings())).items()}
    if "password" in parts:
        # In the environment, because everybody on the machine can read a process's arguments.
        os.environ["PGPASSWORD"] = parts.pop("password")
    program = wheel_programs() / "psql"
    found = str(program) if program.exists() else shutil.which("psql")
    if found is None:
        raise UserError("psql is not on this machine; install PostgreSQL's client and give it what db url prints.")
    os.execv(found, ["psql", conninfo.make_conninfo("", **parts), *(arguments or [])])  # noqa: S606 - replaces this process


def _address(found: Settings) -> str:
    return open_warehouse(found).dsn
