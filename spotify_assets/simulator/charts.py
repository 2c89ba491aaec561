"""What the world plays: one chart a day, made up from the seed or recorded, which every source of charts shows."""

import csv
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from zlib import crc32

from spotify_assets.simulator.adopted import GivenTrack
from spotify_assets.simulator.catalogue import Catalogue, Track

LENGTH = 200
_REMEMBERED = 60
"""How many days back a made-up chart knows of: what is longer on it began then."""
_ARTISTS, _HITS = 150, 10
_WAVE_DAYS = 21


@dataclass(frozen=True)
class Standing:
    """A track on one day's chart, as kworb tells it: `change` is None for one that was not there the day before."""

    position: int
    track: Track
    streams: int
    change: int | None
    days: int
    peak: int


@dataclass(frozen=True)
class DayChart:
    """The chart of a UTC day, and the moment from which it can be seen."""

    day: date
    published_at: datetime
    tracks: tuple[Track, ...]


class Charts:
    """The world's charts, day by day. Recorded ones replace the made-up ones."""

    def __init__(self, catalogue: Catalogue, recorded: Path | None) -> None:
        self._catalogue = catalogue
        self._made: dict[date, DayChart] = {}
        self._recorded = list(_recorded(catalogue, recorded)) if recorded else []
        self._times = [chart.published_at for chart in self._recorded]

    def newest(self, now: datetime) -> DayChart | None:
        """The newest chart published by then. None before the first recorded one."""
        if self._times:
            number = bisect_right(self._times, now)
            return self._recorded[number - 1] if number else None
        yesterday = self._of(now.date() - timedelta(days=1))
        return yesterday if yesterday.published_at <= now else self._of(yesterday.day - timedelta(days=1))

    def standings(self, now: datetime) -> list[Standing]:
        """The newest chart with what it says of the days before, by position."""
        newest = self.newest(now)
        if newest is None:
            return []
        before = self._before(newest)
        yesterday = {track.id: place for place, track in enumerate(before[-1].tracks, 1)} if before else {}
        days: dict[str, int] = {}
        peaks: dict[str, int] = {}
        for chart in [*before, newest]:
            for place, track in enumerate(chart.tracks, 1):
                days[track.id] = days.get(track.id, 0) + 1
                peaks[track.id] = min(place, peaks.get(track.id, place))
        return [
            Standing(
                position=place,
                track=track,
                streams=int(9_000_000 / (place + 3) ** 0.55) - 7 * place,
                change=yesterday[track.id] - place if track.id in yesterday else None,
                days=days[track.id],
                peak=peaks[track.id],
            )
            for place, track in enumerate(newest.tracks, 1)
        ]

    def _before(self, chart: DayChart) -> list[DayChart]:
        """The charts of earlier days, oldest first, one a day."""
        if self._recorded:
            last = {each.day: each for each in self._recorded if each.day < chart.day}
            return [last[day] for day in sorted(last)]
        return [self._of(chart.day - timedelta(days=back)) for back in range(_REMEMBERED, 0, -1)]

    def _of(self, day: date) -> DayChart:
        if day not in self._made:
            hour = 9 + 6 * self._chance("published", day)
            published_at = datetime.combine(day + timedelta(days=1), time(), UTC) + timedelta(hours=hour)
            out = [
                track
                for number in range(_ARTISTS)
                for released, track in self._catalogue.artist(number).by_popularity[:_HITS]
                if released <= day
            ]
            ranked = sorted(out, key=lambda track: (-self._heat(track, day), track.id))
            self._made[day] = DayChart(day, published_at, tuple(ranked[:LENGTH]))
        return self._made[day]

    def _heat(self, track: Track, day: date) -> float:
        """How much the world plays a track: its popularity, a wave of some weeks, and the day's chance."""
        number, share = day.toordinal() // _WAVE_DAYS, day.toordinal() % _WAVE_DAYS / _WAVE_DAYS
        waves = [self._chance("wave", track.id, number + step) for step in (0, 1)]
        return track.popularity + 30 * (waves[0] * (1 - share) + waves[1] * share) + self._chance(track.id, day)

    def _chance(self, *what: object) -> float:
        """A number in [0, 1) that depends on the seed and on what it is for."""
        return crc32("|".join(map(str, (self._catalogue.seed, "chart", *what))).encode()) / (1 << 32)


def _recorded(catalogue: Catalogue, path: Path) -> Iterator[DayChart]:
    """Snapshots of a playlist from a CSV: `snapshot_commit_time, position, track_id, title, artist_ids, artists, …`."""
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    for moment, snapshot in groupby(rows, key=lambda row: row["snapshot_commit_time"]):
        at = datetime.fromisoformat(moment).astimezone(UTC)
        ordered = sorted(snapshot, key=lambda row: int(row["position"]))
        tracks = catalogue.adopt([_given(row) for row in ordered])
        yield DayChart(at.date(), at, tuple(tracks))


def _given(row: dict[str, str]) -> GivenTrack:
    minutes, _, seconds = row["length"].partition(":")
    return GivenTrack(
        id=row["track_id"],
        name=row["title"],
        artists=tuple(zip(_parts(row["artist_ids"]), _parts(row["artists"]), strict=False)),
        album_id=row["album_id"],
        album_name=row["album"],
        duration_ms=(int(minutes) * 60 + int(seconds)) * 1000 if seconds else None,
    )


def _parts(text: str) -> Sequence[str]:
    return text.split(";")
