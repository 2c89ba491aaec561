"""The README of a takeout: whose it is, when it was made, how to read it, and what each file and column is."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from spotify_assets.markdown import escape
from spotify_assets.takeout.folder import MARKER, RAW
from spotify_assets.takeout.listener import Listener
from spotify_assets.takeout.tables import Table


@dataclass(frozen=True)
class Part:
    """A table of the takeout, and how many rows were written of it."""

    table: Table
    rows: int


def readme(listener: Listener, made_at: datetime, parts: Sequence[Part], objects: int, problems: Sequence[str]) -> str:
    """The text, in Markdown."""
    return (
        "\n".join([*_whose(listener, made_at), *_notes(parts, problems), *_reading(), *_files(parts, objects)]) + "\n"
    )


def _whose(listener: Listener, made_at: datetime) -> Iterator[str]:
    name = listener.user_id
    shown = f"{escape(listener.shown_as)} ({name})" if listener.shown_as else name
    yield f"# The Spotify listening history of {shown}"
    yield ""
    yield f"Written by `spotify-assets export {name}` on {made_at.astimezone(UTC):%Y-%m-%d at %H:%M:%S} UTC."
    zones = [listener.time_zone, *(f"{zone} from {day} on" for day, zone in listener.changes)]
    yield f"Local dates and hours are those of the listener's time zone: {'; '.join(zones)}."
    yield ""
    yield (
        "This is the listener's own data, and carries no licence but theirs: to keep, to read, and to give to whom "
        "they like. It tells what a person did and when, so look after it as after other private papers. Titles and "
        "names are those that Spotify gives."
    )
    yield ""


def _notes(parts: Sequence[Part], problems: Sequence[str]) -> Iterator[str]:
    if parts[0].rows == 0:
        yield "There are no plays of this listener: the tables of plays, and what is made of them, are empty."
        yield ""
    for problem in problems:
        yield f"* {problem}"
    if problems:
        yield ""


def _reading() -> Iterator[str]:
    yield "## Reading it"
    yield ""
    yield "```python"
    yield 'import pandas; pandas.read_parquet("plays.parquet")'
    yield "import duckdb; duckdb.sql(\"select * from 'plays.parquet' order by played_at desc limit 10\")"
    yield "```"
    yield ""
    yield (
        "Each table is there twice, with the same rows in the same order: as Parquet, which knows its types, and as "
        "CSV (UTF-8, with a header, quoted where needed: a title may hold a line break). In CSV times are ISO 8601, a "
        'list is a JSON array, and an empty field is a null, `""` an empty text. Times are UTC unless a column says '
        "local."
    )
    yield ""


def _files(parts: Sequence[Part], objects: int) -> Iterator[str]:
    yield "## Files"
    yield ""
    yield "| files | rows | what |"
    yield "|---|---|---|"
    for part in parts:
        file, what = part.table.file, _cell(part.table.description)
        only = " Here only those that the listener's plays refer to." if part.table.is_dimension else ""
        yield f"| [`{file}.parquet`, `{file}.csv`](#{file}) | {part.rows} | {what}{only} |"
    yield (
        f"| `{RAW}/` | {objects} objects | What Spotify sent, as it was landed: one gzip-compressed JSON file an "
        "answer or file of an export, under `dataset/user/day of fetching/time-hash`. "
        "Columns called lake_key name these files. |"
    )
    yield f"| `{MARKER}` | | By it the next export knows that it may replace these files. |"
    for part in parts:
        yield ""
        yield f"### {part.table.file}"
        yield ""
        yield f"{part.table.description} (`{part.table.schema}.{part.table.name}`)"
        yield ""
        yield "| column | type | what |"
        yield "|---|---|---|"
        for column in part.table.columns:
            yield f"| {column.name} | {column.kind} | {_cell(column.description)} |"


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
