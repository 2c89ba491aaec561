"""What is told of one listener and of the world, as it came: the only input of what is computed here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

# What JSON holds.
Thing = Mapping[str, Any]


@dataclass(frozen=True)
class File:
    """A file of an export. `key` is its lake key; `export` says which files came together."""

    name: str
    export: int
    key: str
    rows: Sequence[Thing]

    @property
    def is_video(self) -> bool:
        return "Video" in self.name

    @property
    def is_account_data(self) -> bool:
        return self.name.startswith("StreamingHistory")


@dataclass(frozen=True)
class Page:
    """An answer to a poll: when it was asked for (UTC), its lake keys, and its plays, newest first."""

    fetched_at: pd.Timestamp
    key: str
    items: Sequence[Thing]


@dataclass(frozen=True)
class MusicBrainz:
    """`addresses`: Spotify's artist -> MBIDs; `isrcs`: ISRC -> name by MBID; `tags`: MBID -> votes by tag."""

    addresses: Mapping[str, Sequence[str]]
    isrcs: Mapping[str, Mapping[str, str]]
    tags: Mapping[str, Mapping[str, int]]
    genres: Sequence[str]


@dataclass(frozen=True)
class Chart:
    """The page of a chart of a date; `entries` have position, title, artists, track_id, source_id and streams."""

    source: str
    chart: str
    chart_date: pd.Timestamp
    date_is_fetch_day: bool
    entries: Sequence[Thing]


@dataclass(frozen=True)
class World:
    """What all listeners share. `things` are Spotify's tracks, artists and albums, the oldest answer first."""

    things: Sequence[tuple[str, Thing]]
    musicbrainz: MusicBrainz
    charts: Sequence[Chart]
    rules: Sequence[Thing]
    """The rules that leave plays out, each with its `rule_id`, its `excluded` an id."""


@dataclass(frozen=True)
class Listener:
    """`zones`: each with the date from which on it counts, None for the first."""

    user_id: str
    files: Sequence[File]
    pages: Sequence[Page]
    zones: Sequence[tuple[str, pd.Timestamp | None]]
