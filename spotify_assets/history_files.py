"""What Dagster's SQLite storage keeps of runs that were deleted: their files and their tags."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg

_RUN = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def forget_deleted_runs(instance: dg.DagsterInstance, home: Path) -> int:
    """Removes the files and tags of runs that the instance has not any more; returns how many had files.

    Nothing happens where the history lies in Postgres.
    """
    gone = {path.stem for path in home.rglob("*.db") if _RUN.fullmatch(path.stem) and not instance.has_run(path.stem)}
    for path in [path for run_id in gone for path in home.rglob(f"{run_id}.db*")]:
        path.unlink(missing_ok=True)
    for path in [path for path in home.rglob("*.db") if not _RUN.fullmatch(path.stem)]:
        with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as database:
            if {"runs", "run_tags"} <= tables_of(database):
                database.execute("delete from run_tags where run_id not in (select run_id from runs)")
    return len(gone)


def tables_of(database: sqlite3.Connection) -> set[str]:
    """The names of its tables."""
    return {name for (name,) in database.execute("select name from sqlite_master where type = 'table'")}
