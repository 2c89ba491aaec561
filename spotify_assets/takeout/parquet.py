"""CSV into Parquet, by pyarrow, a few row groups in memory at a time. Only this module knows pyarrow."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from spotify_assets.takeout.columns import Column

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_A_GROUP = 100_000
_BLOCK = 4 * 2**20  # bytes of CSV that are parsed at once
_PARAMETERS = re.compile(r"(?P<name>\w+)[\[(<](?P<first>[^,\])>]+)(?:, (?P<second>\w+))?[\])>]")


def write_parquet(
    source: Path, target: BinaryIO, columns: Sequence[Column], longest: int, progress: Callable[[int], None]
) -> int:
    """Writes a table that lies in `source` as CSV (our own: see `csv_files`) as Parquet, and returns its rows.

    `longest` is the length of its longest line in bytes: a row has to fit into a block of the parser. `progress` is
    told how many rows are written.
    """
    # A tenth of a second, and 20 MB: for who exports only.
    import pyarrow as pa
    from pyarrow import csv, parquet

    schema = pa.schema([(column.name, _arrow(column.kind)) for column in columns])
    parsed = {column.name: pa.string() if column.is_list else _arrow(column.kind) for column in columns}
    blocks = csv.open_csv(
        str(source),
        # Read ahead by other threads, a fast disk and a slow one need different amounts of memory.
        read_options=csv.ReadOptions(block_size=max(_BLOCK, 2 * longest), use_threads=False),
        parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
        convert_options=csv.ConvertOptions(
            column_types=parsed,
            # Postgres writes null as nothing and an empty text as two quotes.
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            true_values=["true"],
            false_values=["false"],
        ),
    )
    written = 0
    waiting: list[pa.RecordBatch] = []
    with blocks, parquet.ParquetWriter(target, schema, compression="zstd") as writer:
        for block in blocks:
            waiting.append(_with_lists(block, schema))
            if sum(len(batch) for batch in waiting) >= ROWS_A_GROUP:
                written += _flush(writer, waiting)
                progress(written)
        written += _flush(writer, waiting)
    # Or the next file's memory comes on top of what this one has given back.
    pa.default_memory_pool().release_unused()
    return written


def _flush(writer: "pa.parquet.ParquetWriter", waiting: "list[pa.RecordBatch]") -> int:
    import pyarrow as pa

    if not waiting:
        return 0
    group = pa.Table.from_batches(waiting)
    waiting.clear()
    writer.write_table(group, row_group_size=max(len(group), 1))
    return len(group)


def _with_lists(block: "pa.RecordBatch", schema: "pa.Schema") -> "pa.RecordBatch":
    """The block with its lists, which CSV holds as JSON, read."""
    import pyarrow as pa

    values = [
        pa.array([None if text is None else json.loads(text) for text in column.to_pylist()], type=field.type)
        if pa.types.is_list(field.type)
        else column
        for column, field in zip(block.columns, schema, strict=True)
    ]
    return pa.record_batch(values, schema=schema)


def _arrow(kind: str) -> "pa.DataType":
    """Arrow's type of a column's kind."""
    import pyarrow as pa

    made_of = _PARAMETERS.fullmatch(kind)
    if kind.startswith("list<"):
        return pa.list_(_arrow(kind[len("list<") : -1]))
    if made_of is None:
        return pa.type_for_alias(kind)
    if made_of["name"] == "decimal128":
        return pa.decimal128(int(made_of["first"]), int(made_of["second"]))
    return pa.timestamp(made_of["first"], made_of["second"])
