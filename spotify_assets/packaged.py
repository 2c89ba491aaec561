"""Finds what ships beside the code: in a checkout at its top level, in an installed wheel inside the package."""

from pathlib import Path


def packaged(name: str) -> Path:
    """The path of `dagster.yaml` or `dbt_project`, whichever way the program was installed."""
    package = Path(__file__).parent
    inside = package / "_packaged" / name
    return inside if inside.exists() else package.parent / name
