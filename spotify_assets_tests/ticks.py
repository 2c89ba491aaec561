"""Ticks of `raw_plays` and its checks, without the models, and what a person sees of them; and Spotify's moods."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import dagster as dg
import pytest
import requests

from spotify_assets.automation.freshness import keys_of_their_own_time
from spotify_assets.cli.runs import run_job
from spotify_assets.clock import clock_from
from spotify_assets.errors import UserError
from spotify_assets_tests.world import World

POLLS = "/v1/me/player/recently-played"
TOKENS = "/api/token"


def play(world: World, *ends: datetime, user_id: str = "alex", item: dict[str, object] | None = None) -> None:
    """The listener plays something that ends at these moments; `item` is what Spotify says of it, whole."""
    plays = [{"played_at": end.isoformat()} | ({"item": item} if item is not None else {}) for end in ends]
    url = f"{world.simulator.url}/_sim/plays"
    requests.post(url, json={"user": user_id, "plays": plays}, timeout=10).raise_for_status()


def fault(world: World, **what: object) -> None:
    """Something goes wrong at Spotify from now on; see the simulator's `Fault`."""
    requests.post(f"{world.simulator.url}/_sim/faults", json=what, timeout=10).raise_for_status()


def no_faults(world: World) -> None:
    requests.delete(f"{world.simulator.url}/_sim/faults", timeout=10).raise_for_status()


def calls(world: World, user_id: str | None = None) -> list[tuple[str, int]]:
    """(path, status) of all that Spotify was asked since the last look, in order."""
    url = f"{world.simulator.url}/_sim/requests"
    log = requests.get(url, timeout=10).json()["requests"]
    requests.delete(url, timeout=10).raise_for_status()
    return [(call["path"], call["status"]) for call in log if user_id in (None, call["user"])]


@dataclass(frozen=True)
class Seen:
    """What a person sees of a run that succeeded."""

    said: str
    new: int
    pages: int
    checks: dict[str, dg.AssetCheckEvaluation] = field(repr=False)

    @property
    def summary(self) -> str:
        """The first sentence of what was said; the others name who failed, and why."""
        return self.said.split(". ")[0].rstrip(".") + "."

    @property
    def warnings(self) -> dict[str, str]:
        """The descriptions of the checks that did not pass, by name."""
        return {name: str(check.description) for name, check in self.checks.items() if not check.passed}


def tick(
    world: World,
    day: datetime | None = None,
    *,
    tags: Mapping[str, str] | None = None,
    with_checks: bool = False,
) -> Seen:
    """Materializes `raw_plays` for a day, by default that of the world's clock, as a tick does.

    Without checks only its own says something: whether every listener was polled.
    """
    chosen = world.settings()
    partition = (day or clock_from(chosen).now()).date().isoformat()
    result = run_job(
        "listening", chosen, partition=partition, tags=tags or {}, only=["raw_plays"], with_checks=with_checks
    )
    [event] = result.asset_materializations_for_node("raw_plays")
    # Some assets asked for by name bring all their checks, also those that the job leaves to others.
    later = keys_of_their_own_time()
    found = (check for check in result.get_asset_check_evaluations() if check.asset_check_key not in later)
    checks = {check.check_name: check for check in found}
    new, pages = event.metadata["plays_new"].value, event.metadata["pages"].value
    return Seen(str(event.metadata["what_happened"].value), int(str(new)), int(str(pages)), checks)


def failure(world: World, day: datetime | None = None) -> str:
    """The sentence of a tick that fails."""
    with pytest.raises(UserError) as caught:
        tick(world, day)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert "Traceback" not in sentence
    return sentence
