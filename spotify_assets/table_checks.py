"""The check `table_is_as_declared`: whether a raw table has the columns and the key that its asset shows in the UI."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import dagster as dg
import psycopg

from spotify_assets.questions import what_to_expect
from spotify_assets.storage.warehouse import Warehouse

NOT_NULL = dg.TableColumnConstraints(nullable=False)
_KEY = "primary key ({})"


def keyed_by(*columns: str) -> dg.TableConstraints:
    """The declaration of a table's key."""
    return dg.TableConstraints(other=[_KEY.format(", ".join(columns))])


@dataclass(frozen=True)
class Difference:
    """Where a table is not as declared; one that is `harmless` leaves all that reads it right."""

    says: str
    is_harmless: bool = False


def differences(declared: dg.TableSchema, found: dg.TableSchema) -> list[Difference]:
    """How a table differs from its declaration, the columns in their order, the key last."""
    there = {column.name: column for column in found.columns}
    told: list[Difference] = []
    for column in declared.columns:
        other = there.pop(column.name, None)
        if other is None:
            told.append(Difference(f"the column {column.name} is missing"))
            continue
        if other.type != column.type:
            told.append(Difference(f"{column.name} is {other.type}, not {column.type}"))
        if other.constraints.nullable and not column.constraints.nullable:
            told.append(Difference(f"{column.name} may be null"))
        if column.constraints.nullable and not other.constraints.nullable:
            told.append(Difference(f"{column.name} may not be null"))
    told += [Difference(f"the column {name} is nobody's", is_harmless=True) for name in there]
    if declared.constraints != found.constraints:
        keys = ", ".join(found.constraints.other) or "no primary key"
        told.append(Difference(f"it has {keys}, not {', '.join(declared.constraints.other)}"))
    return told


def stored_schema(connection: psycopg.Connection, relation: str) -> dg.TableSchema:
    """The columns of a table as Postgres knows them, and its key; none of either where there is no such table."""
    columns = connection.execute(
        """
        select attname, format_type(atttypid, atttypmod), attnotnull
        from pg_attribute
        where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped
        order by attnum
        """,
        (relation,),
    ).fetchall()
    keys = connection.execute(
        """
        select array_agg(attname::text order by array_position(indkey::int2[], attnum))
        from pg_index
        inner join pg_attribute on attrelid = indrelid and attnum = any(indkey)
        where indrelid = to_regclass(%s) and indisprimary and indisvalid
        group by indexrelid
        """,
        (relation,),
    ).fetchall()
    return dg.TableSchema(
        [
            dg.TableColumn(name, _declared_type(kind), constraints=NOT_NULL if is_full else None)
            for name, kind, is_full in columns
        ],
        dg.TableConstraints(other=[_KEY.format(", ".join(key)) for (key,) in keys]),
    )


def _declared_type(kind: str) -> str:
    """Postgres' name for a type as declarations have it: `timestamp(3) with time zone` is `timestamptz(3)`."""
    return re.sub(r"^timestamp(\(\d\))? with time zone$", r"timestamptz\1", kind)


def verdict(relation: str, found: Sequence[Difference]) -> tuple[bool, dg.AssetCheckSeverity, str]:
    """Whether it is as declared, how bad it is, and a sentence."""
    if not found:
        return True, dg.AssetCheckSeverity.ERROR, f"{relation} has the declared columns, types and key."
    harmless = all(difference.is_harmless for difference in found)
    told = "; ".join(difference.says for difference in found)
    remedy = "drop what was added by hand" if harmless else "undo what was changed by hand, or restore a backup"
    severity = dg.AssetCheckSeverity.WARN if harmless else dg.AssetCheckSeverity.ERROR
    return False, severity, f"{relation} is not as declared ({told}): {remedy}, and materialize again."


def table_check(asset: str, relation: str, declared: dg.TableSchema) -> dg.AssetChecksDefinition:
    """The check. It blocks: models on a table of another shape would be wrong, or fail without saying why."""

    @dg.asset_check(
        asset=asset,
        name="table_is_as_declared",
        description=f"{relation} has the columns, types, nulls and primary key that the asset shows.",
        blocking=True,
        metadata=what_to_expect(
            "ERROR, for a column too many WARN", "undo what was changed by hand, or restore a backup"
        ),
    )
    def check(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
        with warehouse.connect() as connection:
            found = differences(declared, stored_schema(connection, relation))
        passed, severity, says = verdict(relation, found)
        return dg.AssetCheckResult(passed=passed, severity=severity, description=says)

    return check
