"""`GET /me/player/recently-played`: which plays are visible at a moment, and the page that a request gets."""

from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from urllib.parse import urlencode

from spotify_assets.simulator.config import SimulatorConfig, Tier
from spotify_assets.simulator.listener import Listener
from spotify_assets.simulator.shapes import Json, Shapes, for_tier, reference
from spotify_assets.simulator.streams import Stream
from spotify_assets.simulator.timekeeping import iso_ms

PATH = "/me/player/recently-played"
KEPT = 50
"""Spotify keeps the newest 50 plays and nothing else."""

_FOR_EVER = 1 << 62


@dataclass(frozen=True, order=True)
class VisiblePlay:
    """A play that recently-played can show: a generated stream, or an item that was given whole."""

    played_at_ms: int
    visible_at_ms: int
    stream: Stream | None = field(compare=False, default=None)
    item: Json | None = field(compare=False, default=None)


class Player:
    """The recently played tracks of one listener."""

    def __init__(self, listener: Listener, config: SimulatorConfig) -> None:
        self._listener = listener
        self._config = config
        self._given: list[VisiblePlay] = []

    def give(self, item: Json, played_at_ms: int, visible_at_ms: int) -> None:
        """Adds a play from outside."""
        insort(self._given, VisiblePlay(played_at_ms, visible_at_ms, item=item))

    def visible(self, now_ms: int) -> list[VisiblePlay]:
        """The newest plays that can be seen at a moment, at most 50, newest first."""
        found = [play for play in self._given if play.visible_at_ms <= now_ms]
        if self._config.plays_a_day > 0:
            day, generated = self._listener.local_day(now_ms), 0
            while generated < KEPT and day >= self._config.history_start:
                plays = [
                    VisiblePlay(stream.played_at_ms, stream.visible_at_ms, stream=stream)
                    for stream in self._listener.day(day)
                    if stream.visible_at_ms is not None and stream.visible_at_ms <= now_ms
                ]
                generated += len(plays)
                found += plays
                day -= timedelta(days=1)
        return sorted(found, reverse=True)[:KEPT]

    def page(self, query: Mapping[str, int], now_ms: int, shapes: Shapes, tier: Tier, base_url: str) -> Json:
        """The page for `limit` (default 20), and `after` or `before` in exclusive milliseconds.

        With `after`, the NEWEST `limit` plays past it come back, not the next ones. A page with plays always has a
        `next`; an empty one has neither `next` nor `cursors`.
        """
        limit = query.get("limit", 20)
        plays = [
            play
            for play in self.visible(now_ms)
            if query.get("after", -1) < play.played_at_ms < query.get("before", _FOR_EVER)
        ][:limit]
        plays = plays[: len(plays) - self._missing(len(plays), now_ms)]
        page: Json = {
            "items": [self._item(play, shapes, tier) for play in plays],
            "next": None,
            "cursors": None,
            "limit": limit,
            "href": f"{base_url}{PATH}?{urlencode(query)}" if query else f"{base_url}{PATH}",
        }
        if plays:
            newest, oldest = str(plays[0].played_at_ms), str(plays[-1].played_at_ms)
            onwards = {"after": newest} if "after" in query else {"before": oldest}
            page["next"] = f"{base_url}{PATH}?{urlencode({**onwards, 'limit': limit})}"
            page["cursors"] = {"after": newest, "before": oldest}
        return page

    def _missing(self, length: int, now_ms: int) -> int:
        """How many of the oldest plays a full page lacks: mostly none (93 of 6,235 recorded pages were short)."""
        user = self._listener.account.user
        rng = Random(f"{self._config.seed}|short|{user}|{now_ms // 60_000}")  # noqa: S311 - not secrets
        return rng.randint(1, 8) if length == KEPT and rng.random() < self._config.short_pages else 0

    def _item(self, play: VisiblePlay, shapes: Shapes, tier: Tier) -> Json:
        if play.item is not None:
            item = for_tier(play.item, tier)
            return item if isinstance(item, dict) else {}
        stream = play.stream
        assert stream is not None  # noqa: S101 - a play has a stream or an item
        assert stream.track is not None  # noqa: S101 - only tracks are ever visible
        context = None
        if stream.context is not None and stream.kind == "track":
            context = {key: value for key, value in reference(*stream.context).items() if key != "id"}
        return {
            "track": shapes.local_file(stream.track) if stream.kind == "local" else shapes.track(stream.track),
            "played_at": iso_ms(stream.played_at_ms),
            "context": context,
        }
