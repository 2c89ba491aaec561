"""All that is made up around an export, put together, as the world and a listener tell it."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from zipfile import ZipFile

import pandas as pd

from spotify_assets_tests.modelling.in_pandas.told import Chart, Thing, World
from spotify_assets_tests.modelling.made_up.answers import Answer, answers, musicbrainz
from spotify_assets_tests.modelling.made_up.charts import ChartPage, chart_pages
from spotify_assets_tests.modelling.made_up.exports import Files, account_data, earlier
from spotify_assets_tests.modelling.made_up.polls import Poll, polls
from spotify_assets_tests.modelling.made_up.rules import rules
from spotify_assets_tests.modelling.made_up.songs import Song, songs_of

# How many of the export's tracks Spotify has described.
DESCRIBED = 240


@dataclass(frozen=True)
class Life:
    """`export`: the rows of the real one, by the names of its files. `ruled`: whom some rules are about."""

    export: Files
    ruled: str

    @classmethod
    def around(cls, path: Path, ruled: str) -> "Life":
        with ZipFile(path) as archive:
            return cls({Path(name).name: json.loads(archive.read(name)) for name in archive.namelist()}, ruled)

    @cached_property
    def audio(self) -> Sequence[Thing]:
        return [row for name, rows in self.export.items() if "Audio" in name for row in rows]

    @cached_property
    def songs(self) -> Sequence[Song]:
        return songs_of(row for rows in self.export.values() for row in rows)

    @cached_property
    def polls(self) -> Sequence[Poll]:
        return polls(self.audio, self.songs)

    @property
    def exports(self) -> Sequence[Files]:
        """The real one, and others of the same listener."""
        inside = self.polls[0].fetched_at - timedelta(days=3)
        return [self.export, earlier(self.songs), account_data(self.polls[-1], self.songs, inside)]

    @cached_property
    def answers(self) -> Sequence[Answer]:
        return list(answers(self.songs[:DESCRIBED]))

    @cached_property
    def chart_pages(self) -> Sequence[ChartPage]:
        return list(chart_pages(self.songs[:DESCRIBED]))

    @property
    def world(self) -> World:
        newest = {(page.source, page.chart, page.chart_date): page for page in self.chart_pages}
        return World(
            [(kind, thing) for _, kind, thing in sorted(self._things(), key=lambda each: each[0])],
            musicbrainz(self.songs[:DESCRIBED]),
            [
                Chart(page.source, page.chart, as_date(page.chart_date), page.source != "kworb", page.entries)
                for page in newest.values()
            ],
            rules(self.ruled, self.audio, self.songs),
        )

    def _things(self) -> Iterator[tuple[pd.Timestamp, str, Thing]]:
        """Every object that Spotify gave: when, what kind, and what."""
        for poll in self.polls:
            for item in poll.items:
                yield pd.Timestamp(poll.fetched_at), "track", item["track"]
        for page in self.chart_pages:
            for thing in page.tracks:
                yield pd.Timestamp(page.fetched_at), "track", thing
        for answer in self.answers:
            for thing in answer.things:
                yield pd.Timestamp(answer.fetched_at), answer.dataset.removesuffix("s"), thing


def as_date(day: date) -> pd.Timestamp:
    return pd.Timestamp(day).as_unit("us")
