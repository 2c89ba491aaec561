"""What a dbt test asks and what to do when it fails, in words: dbt itself describes neither."""

from collections.abc import Mapping
from typing import Any, Literal

_ROWS = "the SQL that the check names gives the rows; `delete from ops.builds` makes all models anew"
_OF_A_MART = f"what is made of it stays as it was; {_ROWS}"
_BEFORE_MARTS = f"the marts stay as they were; {_ROWS}"
_WARNS = "nothing is held back; the SQL that the check names gives the rows"


def asks(test: Mapping[str, Any]) -> str:
    """The claim that a test of the manifest makes. Raises `KeyError` for a kind of test that has no words here."""
    said = test["test_metadata"]
    kwargs = said["kwargs"]
    column = kwargs.get("column_name")
    columns = ", ".join(kwargs.get("columns", ()))
    where = test["config"].get("where")
    words = {
        "holds": f"Each row is such that {' '.join(str(kwargs.get('condition')).split())}.",
        "no_nulls": f"No row lacks {columns}.",
        "unique_key": f"No two rows share {columns}.",
        "unique_index": f"An index keeps rows apart that share {columns}.",
        "accepted_values": f"{column} is one of {', '.join(kwargs.get('values', ()))}, or null.",
        "not_null": f"No row lacks {column}.",
        "relationships": f"Each {column} is a {kwargs.get('field')} of {_model(kwargs.get('to'))}.",
    }[said["name"]]
    return f"{words[:-1]}, where {where}." if where else words


def severity(test: Mapping[str, Any]) -> Literal["ERROR", "WARN"]:
    """A test that warns stops nothing."""
    return "WARN" if str(test["config"]["severity"]).upper() == "WARN" else "ERROR"


def what_to_do(test: Mapping[str, Any]) -> str:
    """The test's own `meta.what_to_do`, else what holds for all of its severity."""
    own = test["config"].get("meta", {}).get("what_to_do")
    if own:
        return str(own)
    if severity(test) == "WARN":
        return _WARNS
    return _OF_A_MART if "marts" in test["fqn"] else _BEFORE_MARTS


def _model(reference: object) -> str:
    return str(reference).removeprefix("ref('").removesuffix("')")
