"""What a simulated Spotify is like: its tier, its app, its listeners and its moods. Nothing here does anything."""

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Literal

Tier = Literal["extended", "legacy_dev", "new_dev"]
"""The three surfaces of the Web API in 2026: Extended, apps made before 2026-02-11, and apps made since."""

Rotation = Literal["none", "single_use", "sometimes"]
"""Whether a refresh brings a new refresh token: never; always, and the old one dies; every second time."""

KworbTable = Literal["usual", "a column more", "no links"]
"""How kworb's page looks: as it did in 2026, or changed."""

FIRST_NAMES = ("alex", "bo", "chris", "dana", "eli", "finn", "gabi", "hana", "ines", "jona")


def listener_names(count: int) -> tuple[str, ...]:
    """Names for `count` listeners: `alex`, `bo`, …, `alex2`, `bo2`, …"""
    size = len(FIRST_NAMES)
    return tuple(FIRST_NAMES[n % size] + (str(n // size + 1) if n >= size else "") for n in range(count))


@dataclass(frozen=True)
class SimulatorConfig:
    """Everything that can be chosen before the start; `POST /_sim/app` changes the app's part later.

    Times are aware; spans are in seconds unless the name says otherwise; shares are between 0 and 1.
    """

    seed: int = 1
    at: datetime | None = None
    """The moment at which the clock stands; None is the real time."""
    running: bool = False
    """Whether a clock that was set goes on from there at the normal pace."""

    listeners: tuple[str, ...] = ("alex",)
    history_start: date = date(2019, 1, 1)
    plays_a_day: float = 55
    """Streams in a day on average, skips included; 0 gives listeners who play only what `POST /_sim/plays` says."""
    time_zone: str | None = None
    """Where the listeners live; None gives the first one Europe/Berlin and the others zones drawn from the seed."""
    late_plays: float = 0.06
    """The share of plays that Spotify publishes more than ten minutes late."""
    very_late_plays: float = 0.01
    """The share, within `late_plays`, that appears hours to four days late behind newer plays."""
    short_pages: float = 0.015
    local_files: float = 0.0
    """The share of plays that are files of the listener's own, whose id is null."""
    replay: Path | None = None
    """Recorded polls (`.jsonl.xz`) that recently-played repeats instead of making up a life."""

    known_exports: tuple[Path, ...] = ()
    """Extended exports (zips) whose tracks this Spotify knows too, under the ids they have there."""
    recorded_charts: Path | None = None
    """Snapshots of the world's top 50 (`.csv`) in place of made-up charts."""
    kworb_table: KworbTable = "usual"
    deezer_over_quota: bool = False
    """Whether Deezer refuses every call, as it does who asks more than 50 times in five seconds."""
    musicbrainz_hit_rate: float = 0.8
    """The share of artists whose Spotify address MusicBrainz knows, and of the others' recordings that it knows."""
    musicbrainz_busy: float = 0.0
    """The share of MusicBrainz' answers that are 503 because it is busy, whoever asks."""
    musicbrainz_rate_limit: bool = False
    """Whether MusicBrainz refuses with 503 who asks it more than once a second, of real time."""

    slack_messages_a_minute: int | None = None
    """How many messages Slack takes in a minute, of real time; None is any number."""

    tier: Tier = "new_dev"
    client_id: str = "5a0ffed4bc0642d794ffd4ab473c1b8f"
    client_secret: str = "c3f1a0d2b4e84c6f9a7b5d3e1f20486a"  # noqa: S105 - the made-up app of a made-up Spotify
    redirect_uris: tuple[str, ...] = ("http://127.0.0.1/callback", "http://[::1]/callback")
    premium: bool = True
    """Whether the app's owner pays; Development Mode stops without it."""
    allowlist: tuple[str, ...] | None = None
    """Who may use an app in Development Mode; None is every listener."""

    rotation: Rotation = "none"
    access_token_seconds: int = 3600
    refresh_token_months: int = 6
    code_seconds: int = 600
    rate_limit: int | None = None
    """Calls of the app in any 30 seconds; None is no limit."""
    retry_after: bool = True
    """Whether a 429 for the rate limit says when to come back."""
    daily_quota: int | None = None
    """Calls in any 24 hours, after which the app is blocked for 13 to 15 hours; None is no quota."""

    latency_seconds: float = 0.0
    """How long every answer takes, in real time."""
    state: Path | None = None
    """A file that keeps the tokens, so that a restarted simulator still knows them."""
    host: str = "127.0.0.1"
    port: int = 0
    """0 takes any free port."""
