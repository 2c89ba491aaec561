"""Charts of the world that hold some of what the listener heard: what they say, and the pages that land."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from html import escape

from spotify_assets_tests.modelling.in_pandas.told import Thing
from spotify_assets_tests.modelling.made_up.songs import Song, artist, id_of, other_releases, track

POSITIONS = 50
PLAYLIST = id_of("the top 50")
# Two days in a row, later ones, two months, and one that was fetched again.
KWORB = ("2020-04-04", "2020-04-05", "2020-05-02", "2023-06-30", "2023-07-01", "2024-09-20", "2023-07-01")
DEEZER = ("2023-06-30", "2023-07-01", "2023-07-03")
SPOTIFY = ("2024-01-30", "2024-02-02")


@dataclass(frozen=True)
class ChartPage:
    source: str
    chart: str
    chart_date: date
    fetched_at: datetime
    entries: Sequence[Thing]
    tracks: Sequence[Thing] = ()
    """Spotify's objects, where it is Spotify's page."""

    @property
    def payload(self) -> bytes:
        return {"kworb": _kworb, "deezer": _deezer, "spotify": _spotify}[self.source](self)


def chart_pages(songs: Sequence[Song]) -> Iterator[ChartPage]:
    """In the order in which they were fetched."""
    pages = [
        ChartPage("kworb", "global_daily", day, _after(day, hours=6 + number), _on_kworb(songs, number))
        for number, day in enumerate(map(date.fromisoformat, KWORB))
    ]
    for number, day in enumerate(map(date.fromisoformat, DEEZER)):
        entries = [_entry(place, songs[(place * 3 + number * 6) % 150], source_id=str(1_000 + place * 3 + number * 6))
                   for place in range(POSITIONS)]  # fmt: skip
        pages.append(ChartPage("deezer", "top_worldwide", day, _after(day, hours=-6), entries))
    for number, day in enumerate(map(date.fromisoformat, SPOTIFY)):
        there = [songs[(place * 5 + number * 17) % len(songs)] for place in range(POSITIONS)]
        spotify = [_entry(place, song, track_id=song.id) for place, song in enumerate(there)]
        tracks = [track(song) for song in there]
        pages.append(ChartPage("spotify", PLAYLIST, day, _after(day, hours=-3), spotify, tracks))
    yield from sorted(pages, key=lambda page: page.fetched_at)


def _after(day: date, hours: int) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(days=1, hours=hours)


def _on_kworb(songs: Sequence[Song], number: int) -> list[Thing]:
    """Heard tracks, other releases of them, what nobody described, and what nobody heard; one stands there twice."""
    entries = []
    for place in range(POSITIONS):
        song = songs[(place * 7 + number * 21) % len(songs)]
        track_id = song.id
        if place % 5 == 3 and song.number % 10 == 0:
            track_id = str(other_releases(song)["no isrc"]["id"])
        if place % 10 == 9:
            track_id = id_of("never heard", str(place))
        entries.append(_entry(place, song, track_id=track_id, streams=9_000_000 - 1_000 * place - number))
    return [*entries[:-1], {**entries[-1], "track_id": entries[4]["track_id"], "title": entries[4]["title"]}]


def _entry(place: int, song: Song, **more: object) -> Thing:
    """Titles lose what a page can't hold: spaces in a row."""
    title, name = (" ".join(text.split()) for text in (song.title, song.artist))
    nothing = {"track_id": None, "source_id": None, "streams": None}
    return {"position": place + 1, "title": title, "artists": name, **nothing, **more}


def _kworb(page: ChartPage) -> bytes:
    rows = "".join(map(_kworb_row, page.entries))
    title = f'<span class="pagetitle">Spotify Daily Chart - Global - {page.chart_date:%Y/%m/%d}</span>'
    return f"<!DOCTYPE html><html><body>{title}<table>{rows}</table></body></html>".encode()


def _kworb_row(entry: Thing) -> str:
    name, title = str(entry["artists"]), str(entry["title"])
    links = (
        f'<a href="../artist/{artist(name)["id"]}.html">{escape(name)}</a> - '
        f'<a href="../track/{entry["track_id"]}.html">{escape(title)}</a>'
    )
    cells = [entry["position"], "=", links, 1, 1, "", f"{entry['streams']:,}", "", "", "", ""]
    return f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"


def _deezer(page: ChartPage) -> bytes:
    rows = [
        {"id": int(str(entry["source_id"])), "title": entry["title"], "artist": {"name": entry["artists"]}}
        for entry in page.entries
    ]
    return json.dumps({"data": rows}).encode()


def _spotify(page: ChartPage) -> bytes:
    href = f"https://api.spotify.com/v1/playlists/{page.chart}/items"
    return json.dumps({"href": href, "items": [{"item": thing} for thing in page.tracks]}).encode()
