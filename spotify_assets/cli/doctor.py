"""`spotify-assets doctor`: is everything all right? One line for each thing, with its colour and the remedy."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Annotated

import typer

from spotify_assets.cli.runs import dagster_history
from spotify_assets.errors import SettingsError
from spotify_assets.health.examination import examine
from spotify_assets.health.findings import Finding
from spotify_assets.settings import settings


def doctor(
    *, as_json: Annotated[bool, typer.Option("--json", help="A list of {name, status, says, remedy}.")] = False
) -> None:
    """Look at everything that this installation is connected to; exit 1 when something is red.

    Example: spotify-assets doctor
    """
    found = _findings()
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    else:
        typer.echo("\n".join(lines(found)))
    if any(finding.status == "red" for finding in found):
        raise typer.Exit(1)


def _findings() -> list[Finding]:
    try:
        chosen = settings()
    except SettingsError as error:
        return [Finding("settings", "red", str(error))]
    return examine(chosen, lambda: dagster_history(chosen))


def lines(found: Sequence[Finding]) -> Iterator[str]:
    """One line for each finding, aligned; colours are dropped where the output is no terminal."""
    width = max(len(finding.name) for finding in found)
    for finding in found:
        status = typer.style(f"{finding.status:<6}", fg=finding.status)
        remedy = f" → {finding.remedy}" if finding.remedy else ""
        yield f"{status}  {finding.name:<{width}}  {finding.says}{remedy}"
