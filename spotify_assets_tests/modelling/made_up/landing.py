"""Lands what is made up in the lake, and loads it from there as the project does."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pandas as pd

from spotify_assets.loaders import LOADERS
from spotify_assets.storage.lake import lake_key
from spotify_assets_tests.listening.exports.place import Place
from spotify_assets_tests.modelling.in_pandas.told import File, Listener, MusicBrainz, Page, Thing
from spotify_assets_tests.modelling.made_up.answers import FETCHED
from spotify_assets_tests.modelling.made_up.exports import Files
from spotify_assets_tests.modelling.made_up.life import Life

ADDRESS = "https://open.spotify.com/artist/"


@dataclass(frozen=True)
class Landing:
    place: Place
    life: Life

    def land(self, dataset: str, payload: bytes, at: datetime, user_id: str | None = None) -> str:
        key = lake_key(dataset, payload, at, user_id)
        self.place.lake.put(key, payload)
        LOADERS[dataset](self.place.warehouse, self.place.lake, [key])
        return key

    def world(self) -> None:
        """All that is nobody's: what was asked about music, charts, and rules."""
        world = self.life.world
        for page in self.life.chart_pages:
            self.land("charts", page.payload, page.fetched_at)
        for answer in self.life.answers:
            self.land(answer.dataset, json.dumps({answer.dataset: answer.things}).encode(), answer.fetched_at)
        for number, payload in enumerate(_genres(world.musicbrainz)):
            self.land("genres", payload, FETCHED + timedelta(days=5, seconds=number))
        with self.place.warehouse.connect() as connection:
            for rule in world.rules:
                connection.execute(
                    "insert into ops.exclusions (user_id, kind, value, starts_at, ends_at, note) "
                    "values (%(user_id)s, %(kind)s, %(value)s, %(starts_at)s, %(ends_at)s, %(note)s)",
                    rule,
                )

    def listener(self, user_id: str, indent: int, zones: Sequence[tuple[str, pd.Timestamp | None]]) -> Listener:
        """All that is this listener's; files are otherwise indented, for the same bytes are never two listeners'."""
        pages = []
        for poll in self.life.polls:
            key = self.land("recently_played", json.dumps({"items": poll.items}).encode(), poll.fetched_at, user_id)
            pages.append(Page(pd.Timestamp(poll.fetched_at), key, poll.items))
        files = [
            file
            for number, export in enumerate(self.life.exports)
            for file in self._import(user_id, number, export, indent)
        ]
        return Listener(user_id, files, pages, zones)

    def _import(self, user_id: str, export: int, files: Files, indent: int) -> Iterator[File]:
        before = set(self.place.objects())
        bodies = {name: json.dumps(rows, indent=indent).encode() for name, rows in files.items()}
        imported = self.place.take_files(bodies, user_id, datetime(2026, 3, 4, 12, export, tzinfo=UTC))
        assert imported.refused == []
        names = {_times(rows): name for name, rows in files.items()}
        for key in set(self.place.objects()) - before:
            landed = json.loads(self.place.lake.get(key))
            if isinstance(landed, list):
                name = names[_times(landed)]
                yield File(name, export, key, files[name])


def _times(rows: Sequence[Thing]) -> tuple[object, ...]:
    return tuple(row.get("ts", row.get("endTime")) for row in rows)


def _genres(told: MusicBrainz) -> Iterator[bytes]:
    yield "\n".join(told.genres).encode()
    urls = [
        {"resource": ADDRESS + artist_id, "relations": [{"artist": {"id": mbid}} for mbid in mbids]}
        for artist_id, mbids in told.addresses.items()
    ]
    yield json.dumps({"urls": urls}).encode()
    for isrc, names in told.isrcs.items():
        artists = [{"id": mbid, "name": name, "tags": _tags(told.tags[mbid])} for mbid, name in names.items()]
        credit = [{"artist": artist} for artist in artists]
        yield json.dumps({"isrc": isrc, "recordings": [{"artist-credit": credit}]}).encode()
    tagged = [{"id": mbid, "tags": _tags(tags)} for mbid, tags in told.tags.items()]
    yield json.dumps({"artists": tagged}).encode()


def _tags(votes: Mapping[str, int]) -> list[Thing]:
    return [{"name": name, "count": count} for name, count in votes.items()]
