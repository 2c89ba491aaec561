"""Marts as frames, and how two of them differ."""

import json
from dataclasses import dataclass
from io import BytesIO

import pandas as pd

from spotify_assets.storage.warehouse import Warehouse

INTEGERS = {"integer", "bigint", "smallint"}


@dataclass(frozen=True)
class Mart:
    """A relation of the schema marts: its rows as frames know them."""

    name: str
    rows: pd.DataFrame

    @classmethod
    def read(cls, warehouse: Warehouse, name: str, where: str = "true") -> "Mart":
        with warehouse.connect() as connection:
            connection.execute("set time zone 'UTC'")
            types: dict[str, str] = dict(
                connection.execute(
                    "select column_name, data_type from information_schema.columns "
                    "where table_schema = 'marts' and table_name = %s order by ordinal_position",
                    (name,),
                ).fetchall()
            )
            columns = ", ".join(f"to_jsonb({c})" if types[c] == "ARRAY" else c for c in types)
            query = f"copy (select {columns} from marts.{name} where {where}) to stdout (format csv, null '\\N')"
            with connection.cursor().copy(query.encode()) as copy:
                body = b"".join(bytes(block) for block in copy)
        raw = pd.read_csv(BytesIO(body), names=list(types), dtype=str, keep_default_na=False, na_values=["\\N"])
        return cls(name, pd.DataFrame({column: typed(raw[column], kind) for column, kind in types.items()}))


def typed(values: pd.Series, kind: str) -> pd.Series:
    """What Postgres writes, as frames know it."""
    if kind in INTEGERS:
        return pd.to_numeric(values).astype("Int64")
    if kind == "numeric":
        return pd.to_numeric(values.str.replace(".", "", regex=False)).astype("Int64")
    if kind == "boolean":
        return values.map({"t": True, "f": False}).astype("boolean")
    if kind == "date":
        return pd.to_datetime(values, format="%Y-%m-%d").astype("datetime64[us]")
    if kind.startswith("timestamp"):
        values = values.where(~values.isin(["infinity", "-infinity"]))
        return pd.to_datetime(values, format="ISO8601", utc=True).astype("datetime64[us, UTC]")
    return values.map(_sorted_json, na_action="ignore") if kind in {"jsonb", "ARRAY"} else values


def _sorted_json(text: str) -> str:
    return json.dumps(json.loads(text), sort_keys=True)


def differences(expected: pd.DataFrame, mart: Mart, key: list[str], shown: int = 5) -> str:
    """The first rows in which a mart is not what is expected; empty where it is, in all rows and columns."""
    found = mart.rows
    for side in (expected, found):
        assert not side.duplicated(key).any(), f"{mart.name}: {key} is no key"
    missing = set(found) - set(expected)
    if missing:
        return f"{mart.name}: no expectation of {sorted(map(str, missing))}\n"
    expected = _like(expected[list(found)], found)
    both = expected.merge(found, on=key, how="outer", indicator=True, suffixes=("", " found"))
    alone = both[both["_merge"] != "both"]
    out = f"{mart.name}: {len(alone)} rows on one side\n{alone[[*key, '_merge']].head(shown)}\n" if len(alone) else ""
    both = both[both["_merge"] == "both"]
    for column in [column for column in found if column not in key]:
        left, right = both[column], both[f"{column} found"]
        same = (left.isna() & right.isna()) | left.eq(right).fillna(False).astype(bool)
        if not same.all():
            rows = both.loc[~same, [*key, column, f"{column} found"]]
            out += f"{mart.name}.{column}: {len(rows)} of {len(both)} rows\n{rows.head(shown).to_string()}\n"
    return out


def _like(expected: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """The expectation in the types of what is found; lists as JSON."""
    return pd.DataFrame({
        column: expected[column].map(lambda value: _json(value) if isinstance(value, list) else value)
        if expected[column].dtype == object
        else expected[column]
        for column in found
    }).astype(found.dtypes.to_dict())  # fmt: skip


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True)
