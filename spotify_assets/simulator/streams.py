"""One stream of a simulated listener: the truth that both the API and the export tell a part of."""

from dataclasses import dataclass
from typing import Literal

from spotify_assets.simulator.catalogue import Episode, Track
from spotify_assets.simulator.timekeeping import from_ms, iso_ms


@dataclass(frozen=True, slots=True)
class Stream:
    """Something that was really played. Times are milliseconds since 1970, UTC."""

    stream_id: str
    user: str
    kind: Literal["track", "local", "episode"]
    track: Track | None
    export_track: Track | None
    """What the export calls it: the same recording, sometimes under another id."""
    episode: Episode | None
    started_ms: int
    ended_ms: int
    ms_played: int
    reason_start: str
    reason_end: str
    shuffle: bool
    offline: bool
    incognito: bool
    platform: str
    country: str
    context: tuple[str, str] | None
    """Kind and id of the album or artist it was played from, where the API says so."""
    played_at_ms: int
    """The end as Spotify's servers stamp it; it differs from `ended_ms` for a batch that was synced later."""
    visible_at_ms: int | None
    """When recently-played shows it; None is never."""
    export_ts: int
    """Seconds since 1970, as in the export: `played_at` with a skew of up to two seconds."""
    video: bool

    def truth(self) -> dict[str, object]:
        """What a test compares with: `GET /_sim/truth`."""
        reported = self.visible_at_ms is not None
        return {
            "id": self.stream_id,
            "user": self.user,
            "content_type": "episode" if self.kind == "episode" else "track",
            "played_at": iso_ms(self.played_at_ms) if reported else None,
            "visible_at": iso_ms(self.visible_at_ms) if self.visible_at_ms is not None else None,
            "started_at": iso_ms(self.started_ms),
            "export_ts": from_ms(self.export_ts * 1000).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "api_track_id": self.track.id if self.track and self.kind == "track" and reported else None,
            "export_track_id": self.export_track.id if self.export_track and self.kind == "track" else None,
            "isrc": self.track.isrc if self.track and self.kind == "track" else None,
            "episode_id": self.episode.id if self.episode else None,
            "ms_played": self.ms_played,
            "incognito": self.incognito,
            "offline": self.offline,
        }
