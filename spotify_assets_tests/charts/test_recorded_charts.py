"""The real top 50 of three months, replayed day by day through kworb's page, against a count in plain Python.

`make test` does it with the first three weeks, where a day has two charts.
"""

import csv
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spotify_assets.charts.attempt import attempt
from spotify_assets.charts.sources import open_sources
from spotify_assets.clock import clock_from
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.storage.lake import open_lake
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.sizes import size
from spotify_assets_tests.world import World

Chart = list[str]
"""Track ids by position."""


def recorded(file: Path) -> list[tuple[datetime, Chart]]:
    """The snapshots in order."""
    found: dict[datetime, dict[int, str]] = defaultdict(dict)
    with file.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            at = datetime.fromisoformat(row["snapshot_commit_time"]).astimezone(UTC)
            found[at][int(row["position"])] = row["track_id"]
    return [(at, [chart[position] for position in sorted(chart)]) for at, chart in sorted(found.items())]


def test_positions_peaks_and_days_on_the_chart_are_those_of_an_independent_count(
    real_data: Path, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = real_data / "charts" / "top50_global_2020-10_to_2021-01.csv"
    snapshots = recorded(file)[size(slice(21), slice(99))]
    with SimulatorServer(SimulatorConfig(at=snapshots[0][0], recorded_charts=file)) as simulator:
        world = World.make(monkeypatch, warehouse, simulator, tmp_path / "home", TOP_50_SOURCES="kworb")
        chosen = world.settings()
        clock, lake = clock_from(chosen), open_lake(chosen)
        spotify = SpotifyAccess.open(chosen, warehouse, clock)
        with open_sources(chosen, spotify, clock) as sources:
            for at, _ in snapshots:
                world.at(at)
                assert not attempt(warehouse, lake, sources, clock.now()).loaded.faults
        world.build()
    days = {at.date(): chart for at, chart in snapshots}  # of two snapshots of a day the newer one counts
    assert len(days) < len(snapshots)
    expected = []
    best: dict[str, int] = {}
    times: dict[str, int] = defaultdict(int)
    before: Chart = []
    newest = max(days)
    ordered = sorted(days)
    for number, day in enumerate(ordered):
        chart = days[day]
        after = days[ordered[number + 1]] if day != newest else None
        for position, track in enumerate(chart, 1):
            best[track] = min(position, best.get(track, position))
            times[track] += 1
            was = before.index(track) + 1 if track in before else None
            expected.append(
                (
                    day,
                    position,
                    track,
                    was,
                    None if was is None else was - position,
                    best[track],
                    times[track],
                    was is None,
                    None if after is None else track not in after,
                )
            )
        before = chart
    assert (
        world.rows(
            """
        select
            chart_date, position, track_id, previous_position, change, peak_position, days_on_chart, entered,
            leaves_next
        from marts.chart_history
        order by chart_date, position
        """
        )
        == expected
    )
    print(f"{len(snapshots)} snapshots of {len(days)} days, {len(expected)} positions")
