"""The table of docs/checks.md, made from the definitions: `python -m spotify_assets_tests.checks.page` writes it."""

from pathlib import Path

import dagster as dg

PAGE = Path(__file__).resolve().parents[2] / "docs/checks.md"
BEGINS = "<!-- From here on made by python -m spotify_assets_tests.checks.page -->\n"
_HEADER = "| asset | check | what it asks | severity | what to do |\n|---|---|---|---|---|\n"


def all_checks(definitions: dg.Definitions) -> dict[str, dg.AssetCheckSpec]:
    """Every check of the code location, by `asset:check`."""
    holders = [*(definitions.assets or []), *(definitions.asset_checks or [])]
    return {
        spec.key.to_user_string(): spec
        for holder in holders
        if isinstance(holder, dg.AssetsDefinition)
        for spec in holder.check_specs
    }


def tables(definitions: dg.Definitions) -> str:
    """One table a group of assets, in the order in which data flows."""
    groups = {spec.key: str(spec.group_name) for spec in definitions.resolve_all_asset_specs()}
    specs = sorted(all_checks(definitions).values(), key=lambda spec: spec.key.to_user_string())
    parts = []
    for group in ("listening", "catalog", "charts", "staging", "intermediate", "marts"):
        lines = [_line(spec) for spec in specs if groups[spec.asset_key] == group]
        parts.append(f"\n## {group.capitalize()}\n\n{_HEADER}{''.join(lines)}")
    return "".join(parts)


def _line(spec: dg.AssetCheckSpec) -> str:
    told = (spec.description, spec.metadata["severity"], spec.metadata["what_to_do"])
    asks, severity, what_to_do = (str(text).replace("|", "\\|") for text in told)
    return f"| `{spec.asset_key.to_user_string()}` | `{spec.name}` | {asks} | {severity} | {what_to_do.rstrip('.')} |\n"


def written() -> str:
    """The part of the page that was made."""
    return PAGE.read_text().partition(BEGINS)[2]


if __name__ == "__main__":
    from spotify_assets.definitions import defs

    PAGE.write_text(PAGE.read_text().partition(BEGINS)[0] + BEGINS + tables(defs()))
