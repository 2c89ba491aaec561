"""A table that was changed by hand is no longer as its asset shows it."""

from typing import LiteralString

import dagster as dg
import pytest

from spotify_assets.charts.assets import COLUMNS
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets.table_checks import differences, stored_schema, verdict

MADE: LiteralString = """
    create temporary table entries (like raw.chart_entries including all);
"""


@pytest.mark.parametrize(
    ("change", "says", "severity"),
    [
        ("drop column streams", "the column streams is missing", dg.AssetCheckSeverity.ERROR),
        ("alter column streams type integer", "streams is integer, not bigint", dg.AssetCheckSeverity.ERROR),
        ("alter column title drop not null", "title may be null", dg.AssetCheckSeverity.ERROR),
        ("alter column track_id set not null", "track_id may not be null", dg.AssetCheckSeverity.ERROR),
        (
            "drop constraint entries_pkey, add primary key (source, chart, position, chart_date)",
            f"it has primary key (source, chart, position, chart_date), not {COLUMNS.constraints.other[0]}",
            dg.AssetCheckSeverity.ERROR,
        ),
        ("add column mine text", "the column mine is nobody's", dg.AssetCheckSeverity.WARN),
    ],
)
def test_each_difference_is_said_and_only_what_was_added_is_harmless(
    change: LiteralString, says: str, severity: dg.AssetCheckSeverity, warehouse: Warehouse
) -> None:
    with warehouse.connect() as connection:
        connection.execute(MADE)
        assert differences(COLUMNS, stored_schema(connection, "entries")) == []
        connection.execute(f"alter table entries {change}")
        found = differences(COLUMNS, stored_schema(connection, "entries"))
    assert [difference.says for difference in found] == [says]
    assert verdict("entries", found)[:2] == (False, severity)


def test_a_table_that_is_gone_lacks_everything(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        found = differences(COLUMNS, stored_schema(connection, "raw.nothing"))
    assert len(found) == len(COLUMNS.columns) + 1
    assert found[-1].says.startswith("it has no primary key")
