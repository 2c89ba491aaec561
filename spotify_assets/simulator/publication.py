"""How Spotify's servers publish a play: when recently-played shows it, if ever, and what the export says of it.

Measured on 31,610 recorded polls: 6 % of plays are late, most of them because the endpoint as a whole stood still;
1 % appear behind newer plays, half of these after 7.5 hours, the last after 98.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from math import log
from random import Random

from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.streams import Stream

_HOUR = 3_600_000
_LATEST = 98 * _HOUR


class Publication:
    """Publishes streams. Lateness follows the configured shares."""

    def __init__(self, config: SimulatorConfig) -> None:
        self._seed = config.seed
        self._very_late = config.very_late_plays
        self._is_punctual = config.late_plays <= 0
        # A stall covers some 60 % of its day's plays; offline batches bring the rest of the late ones.
        self._stalls_a_day = max(0.0, config.late_plays - config.very_late_plays) / 1.3

    def publish(self, rng: Random, stream: Stream) -> Stream:
        """Decides whether the API ever reports a stream, when, and the export's time."""
        delay = rng.randint(3_000, 60_000)
        if rng.random() < self._very_late:
            delay = max(11 * 60_000, min(_LATEST, int(rng.lognormvariate(log(7.5 * _HOUR), 1.2))))
        is_reported = self._is_reported(rng, stream)
        return replace(
            stream,
            visible_at_ms=stream.ended_ms + delay if is_reported else None,
            export_ts=_export_ts(rng, stream.ended_ms),
        )

    def sync_late(self, rng: Random, session: Sequence[Stream]) -> list[Stream]:
        """What was played offline appears when the device is back; some batches are stamped with that moment."""
        if self._is_punctual:
            return list(session)
        synced = session[-1].ended_ms + rng.randint(60_000, 90 * 60_000)
        shown, at, out = synced + rng.randint(3_000, 20_000), synced, list[Stream]()
        is_bunched = rng.random() < 0.45 and len(session) <= 20
        for stream in session:
            # The same track again gets a second of its own: nobody could tell it from a repeated row.
            at += rng.randint(50, 900) + (4_000 if out and out[-1].track == stream.track else 0)
            visible = None if stream.visible_at_ms is None else max(stream.visible_at_ms, shown)
            if is_bunched:
                stamped = replace(stream, played_at_ms=at, export_ts=_export_ts(rng, at))
                visible = None if visible is None else max(visible, at + 3_000)
            out.append(replace(stamped if is_bunched else stream, visible_at_ms=visible))
        return out

    def stall(self, user: str, day: date, midnight_ms: int, streams: Sequence[Stream]) -> list[Stream]:
        """On some days the endpoint shows nothing new for hours, and then everything at once."""
        rng = Random(f"{self._seed}|{user}|stall|{day.isoformat()}")  # noqa: S311 - not secrets
        if rng.random() >= self._stalls_a_day:
            return list(streams)
        begin = rng.uniform(5, 20)
        begins, ends = (midnight_ms + int(hour * _HOUR) for hour in (begin, min(begin + rng.uniform(3, 16), 28.5)))
        return [
            replace(stream, visible_at_ms=ends)
            if stream.visible_at_ms is not None and begins <= stream.visible_at_ms < ends
            else stream
            for stream in streams
        ]

    def _is_reported(self, rng: Random, stream: Stream) -> bool:
        if stream.kind == "episode" or stream.incognito:
            return False
        if stream.ms_played < 30_000:
            return rng.random() < 0.02
        return stream.reason_end != "fwdbtn" or rng.random() < 0.75


def _export_ts(rng: Random, played_at_ms: int) -> int:
    return (played_at_ms + rng.randint(-1000, 2000)) // 1000
