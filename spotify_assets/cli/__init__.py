"""`spotify-assets …`: each command in a module of its own. A problem that the user can fix is one line and exit 1."""

import io
import sys

import typer

from spotify_assets.cli import db, demo, doctor, export, import_, listeners, login, poll, replay
from spotify_assets.errors import UserError

app = typer.Typer(
    name="spotify-assets",
    help="Your whole Spotify listening history, in a warehouse that you own.",
    no_args_is_help=True,
    # A traceback of a defect shows no values: frames hold tokens.
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(db.app, name="db")
app.add_typer(listeners.app, name="listeners")
app.command("demo")(demo.demo)
app.command("login")(login.login)
app.command("import")(import_.import_)
app.command("poll")(poll.poll)
app.command("replay")(replay.replay)
app.command("export")(export.export)
app.command("doctor")(doctor.doctor)


def main() -> None:
    """The entry point: prints a `UserError` as one line on standard error and exits 1."""
    if sys.stdin is None:
        # Closed by the caller; what asks then finds nothing to read.
        sys.stdin = io.StringIO()
    try:
        app()
    except UserError as error:
        sys.stderr.write(f"spotify-assets: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.stderr.write("spotify-assets: stopped.\n")
        sys.exit(130)
