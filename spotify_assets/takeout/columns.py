"""The columns of a takeout: how each type of Postgres is written in CSV, and what it is in Parquet."""

import re
from dataclasses import dataclass

from psycopg import sql

# Postgres' names, as format_type() writes them and as models do, and Arrow's.
_PLAIN = {
    "smallint": "int16",
    "integer": "int32",
    "bigint": "int64",
    "boolean": "bool",
    "date": "date32",
    "real": "float",
    "double precision": "double",
    # Without a scale there is no decimal type that holds every value; CSV has all digits.
    "numeric": "double",
}
_MOMENT = re.compile(r"timestamp(?P<tz>tz)?(?:\((?P<digits>\d)\))?(?P<zone> with time zone| without time zone)?")
_DECIMAL = re.compile(r"numeric\((?P<precision>\d+),(?P<scale>\d+)\)")
_MOST_DIGITS = 38  # of Arrow's decimal128
_TEXTS = ("text", "character", "uuid")


@dataclass(frozen=True)
class Column:
    """A column of a table or view, with its type in Postgres' words and what dbt's manifest says of it."""

    name: str
    type: str
    description: str = ""

    @property
    def is_list(self) -> bool:
        return self.type.endswith("[]")

    @property
    def kind(self) -> str:
        """The type in Parquet, as Arrow calls it; what Arrow has no word for is text."""
        return f"list<{_kind(self.type[:-2])}>" if self.is_list else _kind(self.type)

    @property
    def can_be_sorted(self) -> bool:
        return _kind(self.type.removesuffix("[]")) != "string" or self.type.startswith(_TEXTS)

    def written(self) -> sql.Composed:
        """The expression that gives the column, of a relation `t`, as it stands in CSV."""
        value = sql.SQL("t.{}").format(sql.Identifier(self.name))
        moment = _MOMENT.fullmatch(self.type)
        if self.is_list:
            return sql.SQL("to_json({})::text").format(value)
        if moment is not None:
            fraction = {"ms": ".MS", "us": ".US"}[_unit(moment)] if moment["digits"] != "0" else ""
            if _has_zone(moment):
                return sql.SQL("to_char({} at time zone 'UTC', {})").format(
                    value, sql.Literal(f'YYYY-MM-DD"T"HH24:MI:SS{fraction}"Z"')
                )
            return sql.SQL("to_char({}, {})").format(value, sql.Literal(f'YYYY-MM-DD"T"HH24:MI:SS{fraction}'))
        # Postgres abbreviates true and false in CSV, but not as text.
        return sql.SQL("{}::text" if self.kind in ("bool", "string") else "{}").format(value)


def _kind(type_: str) -> str:
    if type_ in _PLAIN:
        return _PLAIN[type_]
    moment = _MOMENT.fullmatch(type_)
    if moment is not None:
        return f"timestamp[{_unit(moment)}, UTC]" if _has_zone(moment) else f"timestamp[{_unit(moment)}]"
    decimal = _DECIMAL.fullmatch(type_)
    if decimal is not None and int(decimal["precision"]) <= _MOST_DIGITS:
        return f"decimal128({decimal['precision']}, {decimal['scale']})"
    return "string"


def _unit(moment: re.Match[str]) -> str:
    # Parquet has no seconds.
    return "ms" if moment["digits"] is not None and int(moment["digits"]) <= 3 else "us"


def _has_zone(moment: re.Match[str]) -> bool:
    return bool(moment["tz"]) or moment["zone"] == " with time zone"
