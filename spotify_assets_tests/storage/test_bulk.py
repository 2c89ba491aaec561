"""Rows arrive by COPY exactly as they were."""

from datetime import UTC, datetime

from spotify_assets.storage.bulk import copy_rows
from spotify_assets.storage.warehouse import Warehouse

COLUMNS = [("n", "bigint"), ("title", "text"), ("at", "timestamptz(3)"), ("artists", "text[]"), ("body", "bytea")]
AT = datetime(2026, 11, 21, 12, 0, 0, 123000, UTC)
ROWS = [
    (1, "tab\tnewline\nbackslash\\N \\. quote'\"", AT, ["a,b", '"c"', "{d}", ""], b"\x00\xff\\x"),
    (2, None, None, None, None),
    (3, "", AT, [], b""),
    (4, "Björk 🎧", AT, ["NULL"], b"\\N"),
]


def test_what_is_copied_is_what_was_given(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection, connection.cursor() as cur:
        assert copy_rows(cur, "arriving", COLUMNS, ROWS) == 4
        assert cur.execute("select * from arriving order by n").fetchall() == ROWS


def test_a_table_of_the_same_name_is_replaced_and_none_outlives_its_transaction(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection, connection.cursor() as cur:
        copy_rows(cur, "arriving", COLUMNS, ROWS)
        assert copy_rows(cur, "arriving", [("n", "int")], ((n,) for n in range(2_000))) == 2_000
        assert cur.execute("select count(*), max(n) from arriving").fetchone() == (2_000, 1_999)
        connection.commit()
        assert cur.execute("select to_regclass('arriving')").fetchone() == (None,)
