"""The simulated listener: believable, the same for a seed, and made day by day."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import mean, median

import pytest

from spotify_assets.simulator.config import SimulatorConfig, listener_names
from spotify_assets.simulator.streams import Stream
from spotify_assets.simulator.timekeeping import to_ms
from spotify_assets.simulator.world import World

BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
DAYS = 365


@dataclass(frozen=True)
class Year:
    """A year of one listener: everything that was played, and what the API reported in the order of `played_at`."""

    streams: list[Stream]
    reported: list[Stream]


@pytest.fixture(scope="module")
def year() -> Year:
    listener = World(SimulatorConfig()).listeners["alex"]
    streams = listener.streams(to_ms(BEGIN), to_ms(BEGIN + timedelta(days=DAYS)))
    reported = [stream for stream in streams if stream.visible_at_ms is not None]
    return Year(streams, sorted(reported, key=lambda stream: stream.played_at_ms))


def _share(values: list[bool]) -> float:
    return mean(map(float, values))


def test_forty_to_seventy_streams_are_played_a_day_and_never_two_at_once(year: Year) -> None:
    assert 40 <= len(year.streams) / DAYS <= 70
    for earlier, later in zip(year.streams, year.streams[1:], strict=False):
        assert earlier.started_ms + earlier.ms_played <= earlier.ended_ms <= later.started_ms


def test_favourites_are_played_often_and_most_tracks_hardly_ever(year: Year) -> None:
    artists = Counter(stream.track.artist for stream in year.reported if stream.track)
    tracks = Counter(stream.track.id for stream in year.reported if stream.track)
    assert sum(count for _, count in artists.most_common(10)) > 0.2 * len(year.reported)
    assert median(tracks.values()) <= 2
    assert 300 < len(artists) < 2000


def test_a_day_is_the_same_whichever_days_were_asked_for_before() -> None:
    first, second = (World(SimulatorConfig(seed=7)).listeners["alex"] for _ in range(2))
    day = first.local_day(to_ms(BEGIN))
    later = [first.day(day + timedelta(days=number)) for number in range(5)][4]
    assert second.day(day + timedelta(days=4)) == later != ()
    assert World(SimulatorConfig(seed=8)).listeners["alex"].day(day) != first.day(day)


def test_listeners_share_a_world_and_differ_in_taste() -> None:
    world = World(SimulatorConfig(listeners=listener_names(3)))
    begin, end = to_ms(BEGIN), to_ms(BEGIN + timedelta(days=30))
    heard = [
        {stream.track.artist for stream in listener.streams(begin, end) if stream.track}
        for listener in world.listeners.values()
    ]
    assert heard[0] & heard[1]
    assert all(len(heard[n] - heard[m]) > 10 for n, m in ((0, 1), (1, 2), (2, 0)))


def test_played_at_is_the_end_of_the_play(year: Year) -> None:
    gaps = [
        (later.played_at_ms - earlier.played_at_ms, earlier.track, later.track)
        for earlier, later in zip(year.reported, year.reported[1:], strict=False)
    ]
    ends = _share([later is not None and abs(gap - later.duration_ms) < 3000 for gap, _, later in gaps])
    starts = _share([earlier is not None and abs(gap - earlier.duration_ms) < 3000 for gap, earlier, _ in gaps])
    assert ends > 0.5
    assert starts < 0.1


def test_some_plays_are_late_and_one_in_a_hundred_behind_newer_ones(year: Year) -> None:
    delays = [(stream.visible_at_ms or 0) - stream.played_at_ms for stream in year.reported]
    assert min(delays) >= 3_000
    assert max(delays) <= timedelta(hours=98) / timedelta(milliseconds=1)
    assert 0.03 < _share([delay > 600_000 for delay in delays]) < 0.1
    newest, behind = 0, []
    for stream in sorted(year.reported, key=lambda stream: (stream.visible_at_ms or 0, stream.played_at_ms)):
        behind.append(stream.played_at_ms < newest)
        newest = max(newest, stream.played_at_ms)
    assert 0.005 < _share(behind) < 0.02


def test_the_api_hides_podcasts_private_sessions_and_most_skips(year: Year) -> None:
    assert {stream.kind for stream in year.streams} == {"track", "episode"}
    assert {stream.kind for stream in year.reported} == {"track"}
    assert any(stream.incognito for stream in year.streams)
    assert not any(stream.incognito for stream in year.reported)
    assert 0.15 < _share([stream.ms_played < 30_000 for stream in year.streams]) < 0.45
    assert 0 < _share([stream.ms_played < 30_000 for stream in year.reported]) < 0.02


def test_albums_are_played_in_order_and_tracks_again_at_once(year: Year) -> None:
    pairs = [(a.track, b.track) for a, b in zip(year.streams, year.streams[1:], strict=False) if a.track and b.track]
    in_order = [
        a.id != b.id and (a.artist, a.album, a.position + 1) == (b.artist, b.album, b.position) for a, b in pairs
    ]
    assert _share(in_order) > 0.1
    assert 0.005 < _share([a.id == b.id for a, b in pairs]) < 0.05


def test_nobody_plays_what_is_not_out_yet(year: Year) -> None:
    catalogue = World(SimulatorConfig()).catalogue
    for stream in year.reported[::50]:
        assert stream.track
        released = catalogue.album(stream.track.artist, stream.track.album).released
        assert released <= datetime.fromtimestamp(stream.started_ms / 1000, UTC).date()


def test_the_keys_of_reported_plays_are_unique(year: Year) -> None:
    keys = {(stream.played_at_ms, stream.track.id) for stream in year.reported if stream.track}
    assert len(keys) == len(year.reported)


def test_a_life_goes_on_in_2040() -> None:
    at = datetime(2040, 6, 1, tzinfo=UTC)
    assert World(SimulatorConfig()).listeners["alex"].streams(to_ms(at), to_ms(at + timedelta(days=3)))
