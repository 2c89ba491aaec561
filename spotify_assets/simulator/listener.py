"""The life of a simulated listener, made day by day: when they listen, to what, and how each play ends.

A day is made from (seed, listener, day) alone and runs from five in the morning, local time, to four the next morning;
so any day can be made without those before it, and days never overlap.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from random import Random
from typing import Literal
from zoneinfo import ZoneInfo

from spotify_assets.simulator.accounts import Account
from spotify_assets.simulator.catalogue import Catalogue, Episode, Track
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.publication import Publication
from spotify_assets.simulator.streams import Stream
from spotify_assets.simulator.taste import Taste
from spotify_assets.simulator.timekeeping import to_ms

# Chance, usual start (hour), its spread, mean number of streams.
_WEEKDAY = (
    (0.7, 7.6, 0.4, 9),
    (0.25, 12.4, 0.4, 7),
    (0.4, 14.5, 1.0, 18),
    (0.75, 19.3, 1.2, 22),
    (0.25, 22.6, 0.6, 10),
)
_WEEKEND = ((0.6, 10.5, 1.2, 18), (0.5, 15.0, 1.5, 22), (0.7, 20.0, 1.3, 28), (0.3, 23.2, 0.7, 18))
_STREAMS_IN_A_MEAN_DAY = 33.0
_PLATFORMS = ("ios", "ios", "ios", "osx", "web_player osx 10.15.7;chrome 127.0.0.0;desktop", "google cast")

Mode = Literal["favourites", "album", "obsession", "discovery", "podcast"]
_MODES: tuple[Mode, ...] = ("favourites", "album", "obsession", "discovery", "podcast")


@dataclass(frozen=True, slots=True)
class _Choice:
    track: Track | None
    episode: Episode | None
    context: tuple[str, str] | None


@dataclass(slots=True)
class _Session:
    """What is true for a whole session, and how far it has come."""

    mode: Mode
    cursor: int
    reason: str
    shuffle: bool
    offline: bool
    incognito: bool
    platform: str


class Listener:
    """One listener, for ever. `day()` keeps the days that were asked for last."""

    def __init__(self, account: Account, catalogue: Catalogue, config: SimulatorConfig) -> None:
        self.account = account
        self._catalogue = catalogue
        self._config = config
        self._zone = ZoneInfo(account.time_zone)
        self._taste = Taste(catalogue, account.user, config.history_start)
        self._publication = Publication(config)
        self.day = lru_cache(maxsize=16)(self._make_day)

    def local_day(self, ms: int) -> date:
        """The day, in the sense of this module, to which a moment belongs."""
        return (datetime.fromtimestamp(ms / 1000, self._zone) - timedelta(hours=5)).date()

    def streams(self, from_ms: int, to_ms_: int) -> list[Stream]:
        """Everything that ended in [from, to), oldest first."""
        day, last = max(self.local_day(from_ms) - timedelta(days=1), self._config.history_start), self.local_day(to_ms_)
        found: list[Stream] = []
        while day <= last:
            found += [stream for stream in self.day(day) if from_ms <= stream.ended_ms < to_ms_]
            day += timedelta(days=1)
        return found

    def _make_day(self, day: date) -> tuple[Stream, ...]:
        """All streams of a day in the order of their ends."""
        if day < self._config.history_start or self._config.plays_a_day <= 0:
            return ()
        rng = Random(f"{self._config.seed}|{self.account.user}|{day.isoformat()}")  # noqa: S311 - not secrets
        if rng.random() < 0.04:
            return ()
        factor = self._config.plays_a_day / _STREAMS_IN_A_MEAN_DAY * rng.lognormvariate(-0.03, 0.25)
        streams: list[Stream] = []
        free_from, closing = self._at(day, 5.0), self._at(day, 28.0)
        for chance, hour, spread, mean in _WEEKEND if day.weekday() >= 5 else _WEEKDAY:
            start = max(free_from, self._at(day, max(5.2, rng.gauss(hour, spread))))
            if rng.random() >= chance or start >= closing:
                continue
            count = max(1, int(rng.gammavariate(3, mean * factor / 3)))
            session = self._play_session(rng, day, start, count, closing, len(streams))
            streams += self._publication.sync_late(rng, session) if session[:1] and session[0].offline else session
            free_from = max(free_from, max((stream.ended_ms for stream in session), default=start) + 120_000)
        return tuple(self._publication.stall(self.account.user, day, self._at(day, 0.0), streams))

    def _at(self, day: date, hour: float) -> int:
        midnight = datetime.combine(day + timedelta(days=int(hour // 24)), time(), self._zone)
        return to_ms(midnight + timedelta(hours=hour % 24))

    def _play_session(self, rng: Random, day: date, start: int, count: int, closing: int, number: int) -> list[Stream]:
        session = _Session(
            mode=rng.choices(_MODES, (0.42, 0.18, 0.2, 0.13, 0.07))[0],
            cursor=start,
            reason=rng.choice(("appload", "clickrow", "clickrow", "playbtn", "remote")),
            shuffle=rng.random() < 0.35,
            offline=rng.random() < 0.04,
            incognito=rng.random() < 0.02,
            platform=rng.choice(_PLATFORMS),
        )
        streams: list[Stream] = []
        for choice in self._choices(rng, session.mode, day, count):
            if session.cursor >= closing:
                break
            stream_id = f"{self.account.user}-{day:%Y%m%d}-{number + len(streams):04d}"
            is_last = len(streams) == count - 1
            streams.append(self._play(rng, session, choice, stream_id, is_last=is_last))
            session.cursor = streams[-1].ended_ms + int(rng.expovariate(1 / 400)) + (rng.random() < 0.08) * 15_000
        return streams

    def _choices(self, rng: Random, mode: Mode, day: date, count: int) -> list[_Choice]:
        """What is played in a session, in order."""
        chosen: list[_Choice] = []
        while len(chosen) < count:
            if mode == "podcast" and len(chosen) < 2:
                chosen.append(_Choice(None, self._catalogue.episode(rng.randrange(12), rng.randrange(1, 400)), None))
                continue
            if mode == "album":
                album = self._taste.album(rng, self._taste.favourite(rng, day), day)
                context = ("album", album.id)
                chosen += [_Choice(track, None, context) for track in album.tracks]
                continue
            if mode == "obsession" and rng.random() < 0.7:
                artist = self._taste.obsession(day)
            elif mode == "discovery" and rng.random() < 0.6:
                artist = self._taste.newcomer(rng, day)
            else:
                artist = self._taste.favourite(rng, day)
            chosen.append(_Choice(self._taste.track(rng, artist, day), None, ("artist", artist.id)))
            if rng.random() < 0.015:
                chosen.append(chosen[-1])
        return chosen[:count]

    def _play(self, rng: Random, session: _Session, choice: _Choice, stream_id: str, *, is_last: bool) -> Stream:
        content = choice.track or choice.episode
        assert content is not None  # noqa: S101 - a choice holds one of the two
        length = content.duration_ms
        reason_end, ms_played = "trackdone", length
        roll = rng.random()
        if roll < (0.1 if session.mode == "album" else 0.27):
            reason_end = rng.choices(("fwdbtn", "clickrow", "backbtn"), (8, 2, 1))[0]
            ms_played = rng.randint(0, 29_000) if rng.random() < 0.8 else int(length * rng.uniform(0.15, 0.9))
        elif is_last or choice.episode:
            reason_end = rng.choice(("endplay", "logout", "unexpected-exit-while-paused", "trackdone"))
            ms_played = length if reason_end == "trackdone" else int(length * rng.uniform(0.05, 1.0))
        ms_played = min(ms_played, length)
        pause = int(rng.expovariate(1 / 180_000)) if rng.random() < 0.03 else 0
        ended = session.cursor + ms_played + pause
        is_local = choice.track is not None and rng.random() < self._config.local_files
        twin = None if choice.track is None or is_local else self._catalogue.other_version(choice.track)
        stream = Stream(
            stream_id=stream_id,
            user=self.account.user,
            kind="episode" if choice.episode else "local" if is_local else "track",
            track=choice.track,
            export_track=twin if twin is not None and rng.random() < 0.5 else choice.track,
            episode=choice.episode,
            started_ms=session.cursor,
            ended_ms=ended,
            ms_played=ms_played,
            reason_start=session.reason,
            reason_end=reason_end,
            shuffle=session.shuffle,
            offline=session.offline,
            incognito=session.incognito,
            platform=session.platform,
            country=self.account.country,
            context=choice.context if rng.random() < 0.04 else None,
            played_at_ms=ended,
            visible_at_ms=None,
            export_ts=0,
            video=choice.track is not None and rng.random() < 0.003,
        )
        session.reason = reason_end if reason_end in ("trackdone", "fwdbtn", "clickrow", "backbtn") else "appload"
        return self._publication.publish(rng, stream)
