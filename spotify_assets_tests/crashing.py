"""`python -m spotify_assets_tests.crashing …` is `spotify-assets …`, killed (SIGKILL) at a chosen moment.

`CRASH_AT` is `<moment>:<count>`: the process dies at the count-th time that it comes to the moment. A process that
doesn't come there ends as always; the test that asked for the kill notices by its exit code.
"""

import os
import signal
from collections.abc import Callable
from functools import wraps

MOMENTS = ("landing", "copy", "commit", "load", "dbt", "token")
MOMENTS_OF_AN_IMPORT = ("landing", "block", "export_commit", "export_load", "newcomer", "inbox")


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _counted(count: int) -> Callable[[], None]:
    left = [count]

    def came() -> None:
        left[0] -= 1
        if left[0] == 0:
            _die()

    return came


def _after(owner: object, name: str, came: Callable[[], None]) -> None:
    original = getattr(owner, name)

    @wraps(original)
    def wrapped(*args: object, **kwargs: object) -> object:
        result = original(*args, **kwargs)
        came()
        return result

    setattr(owner, name, wrapped)


def arm(moment: str, count: int) -> None:
    """Sets the trap. Modules are imported here, so that the functions are found wrapped by all who use them."""
    came = _counted(count)
    if moment == "landing":
        from spotify_assets.storage.folder_lake import FolderLake

        _after(FolderLake, "put", came)
    elif moment == "copy":
        import psycopg

        _after(psycopg.Copy, "write_row", came)
    elif moment == "commit":
        from spotify_assets.listening import loading

        _after(loading, "note_as_loaded", came)
    elif moment == "load":
        from spotify_assets.listening import loading

        _after(loading, "load_objects", came)
    elif moment == "block":
        import psycopg

        _after(psycopg.Copy, "write", came)
    elif moment in ("export_commit", "export_load", "newcomer"):
        from spotify_assets.listening.exports import importing
        from spotify_assets.listening.exports import loading as export_loading

        names = {"export_commit": (export_loading, "note_objects"), "export_load": (importing, "load_object")}
        _after(*names.get(moment, (importing, "welcome")), came)
    elif moment == "inbox":
        from spotify_assets.listening.exports.inbox import FolderInbox

        _after(FolderInbox, "delete", came)
    elif moment == "dbt":
        from dbt.adapters.sql.connections import SQLConnectionManager

        _after(SQLConnectionManager, "add_query", came)
    elif moment == "token":
        from spotify_assets.spotify.oauth import SpotifyApp

        _after(SpotifyApp, "refresh", came)
    else:
        raise SystemExit(f"CRASH_AT names no moment that exists: {moment}")


if __name__ == "__main__":
    at, times = os.environ["CRASH_AT"].split(":")
    arm(at, int(times))
    from spotify_assets.cli import main

    main()
