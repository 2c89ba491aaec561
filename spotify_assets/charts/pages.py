"""A landed page of a chart, of whichever source, read into positions. The page says itself which source it is from.

kworb.net: https://kworb.net/spotify/country/global_daily.html, an HTML table. Deezer: the JSON of a playlist's tracks
(https://developers.deezer.com/api/playlist/tracks). Spotify: a page of a playlist's items.
"""

import re
from codecs import BOM_UTF8
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from spotify_assets.catalog.objects import Catalogue, read_track
from spotify_assets.catalog.playlists import track_objects
from spotify_assets.errors import UserError
from spotify_assets.reading import Fault, Reader, read_payload

if TYPE_CHECKING:
    from lxml.etree import _Element

POSITIONS = 50
MOST_DIGITS = 15
"""Of a day's streams: more than all people together could listen to, and less than Postgres and Python can hold."""
KWORB_COLUMNS = 11
_AHEAD = timedelta(days=1)  # somewhere on earth it is tomorrow
_DATE = re.compile(r"\b(\d{4})/(\d{2})/(\d{2})\b")
_LINK = re.compile(r"/(artist|track)/([0-9A-Za-z]{22})\.html$")
_PLAYLIST = re.compile(r"/playlists/([0-9A-Za-z]{22})/")


class PageChanged(UserError):
    """A page that isn't what its source used to send. The sentence says what is missing."""


@dataclass(frozen=True)
class Entry:
    """A position of a chart. What the source doesn't give is None; `streams` are of that day."""

    position: int
    title: str
    artists: str
    track_id: str | None = None
    """Spotify's id."""
    source_id: str | None = None
    """The source's own id, where that isn't Spotify's."""
    artist_ids: tuple[str, ...] = ()
    streams: int | None = None


@dataclass(frozen=True)
class ChartPage:
    """The first 50 positions of a chart, in order, without gaps."""

    source: str
    chart: str
    chart_date: date
    date_is_fetch_day: bool
    """Whether the page has no date of its own, so that `chart_date` is the UTC day of fetching."""
    entries: tuple[Entry, ...]
    catalogue: Catalogue = field(default_factory=Catalogue)
    """What Spotify's own pages say of tracks, albums and artists."""
    faults: tuple[Fault, ...] = ()
    """What of it can't be read, though every position can."""


def read_chart(payload: bytes, fetched_at: datetime) -> ChartPage:
    """Reads a page of any source.

    Raises `PageChanged` where it is none, lacks any of the first 50 positions, or is of a day that has not come.
    """
    markup = payload.removeprefix(BOM_UTF8).lstrip()
    if markup[:1] == b"<":
        return _kworb(markup, fetched_at.date())
    top = read_payload(payload)
    if isinstance(top.value.get("data"), list):
        return _deezer(top, fetched_at.date())
    return _spotify(top, fetched_at.date())


def _kworb(payload: bytes, fetch_day: date) -> ChartPage:
    from lxml import etree, html

    try:
        page = html.document_fromstring(payload, parser=html.HTMLParser(encoding="utf-8"))
    except etree.ParserError:
        raise _changed("kworb", "it is empty") from None
    titles = " ".join(_text(element) for element in page.iter("span") if "pagetitle" in element.get("class", ""))
    found = _DATE.search(titles)
    if found is None:
        raise _changed("kworb", "its title has no date")
    try:
        day = date(*map(int, found.groups()))
    except ValueError:
        raise _changed("kworb", f"its title has the date {found[0]}") from None
    if day > fetch_day + _AHEAD:
        # Nothing would be newer than it until then, and so no day's chart be done.
        raise _changed("kworb", f"its title has the date {found[0]}, which has not come")
    rows = [row for row in page.iter("tr") if row.find("td") is not None][:POSITIONS]
    entries = tuple(_kworb_entry(row, position) for position, row in enumerate(rows, 1))
    return ChartPage("kworb", "global_daily", day, False, _whole("kworb", entries))


def _kworb_entry(row: "_Element", position: int) -> Entry:
    cells = row.findall("td")
    if len(cells) != KWORB_COLUMNS:
        raise _changed("kworb", f"row {position} has {len(cells)} columns and not {KWORB_COLUMNS}")
    texts = [_text(cell) for cell in cells]
    if texts[0] != str(position):
        raise _changed("kworb", f"row {position} says position {texts[0][:20]!r}")
    links = [(found, link) for link in cells[2].iter("a") if (found := _LINK.search(link.get("href", "")))]
    tracks = [(found[2], link) for found, link in links if found[1] == "track"]
    artists = [(found[2], link) for found, link in links if found[1] == "artist"]
    if len(tracks) != 1 or not artists:
        raise _changed("kworb", f"row {position} has no link to a track and its artists")
    streams = texts[6].replace(",", "")
    if not (streams.isascii() and streams.isdecimal()) or len(streams) > MOST_DIGITS:
        raise _changed("kworb", f"row {position} has {texts[6][:20]!r} where the streams were")
    track_id, title = tracks[0]
    return Entry(
        position=position,
        title=_text(title),
        artists=", ".join(_text(link) for _, link in artists),
        track_id=track_id,
        artist_ids=tuple(artist_id for artist_id, _ in artists),
        streams=int(streams),
    )


def _text(element: "_Element") -> str:
    return " ".join("".join(map(str, element.itertext())).split())


def _deezer(top: Reader, day: date) -> ChartPage:
    rows = (top.children("data") or [])[:POSITIONS]
    entries = []
    for position, row in enumerate(rows, 1):
        title, artist, number = row.text("title"), row.child("artist"), row.value.get("id")
        name = artist.text("name") if artist else None
        if not title or not name or type(number) is not int:
            raise _changed("Deezer", f"row {position} lacks its title, artist or id")
        entries.append(Entry(position, title, name, source_id=str(number)))
    return ChartPage("deezer", "top_worldwide", day, True, _whole("Deezer", tuple(entries)))


def _spotify(top: Reader, day: date) -> ChartPage:
    named = _PLAYLIST.search(top.text("href") or "")
    if named is None:
        raise PageChanged("This is no page of a chart: neither kworb's, nor Deezer's, nor a Spotify playlist's.")
    catalogue = Catalogue()
    entries = []
    for position, track in enumerate(track_objects(top)[:POSITIONS], 1):
        title, track_id = track.text("name"), read_track(track, catalogue)
        artists = track.children("artists") or []
        if title is None or track_id is None:
            raise _changed("Spotify's playlist", f"row {position} lacks its title or id")
        entries.append(
            Entry(
                position=position,
                title=title,
                artists=", ".join(name for artist in artists if (name := artist.text("name"))),
                track_id=track_id,
                artist_ids=tuple(each for artist in artists if (each := artist.key("id"))),
            )
        )
    whole = _whole("Spotify's playlist", tuple(entries))
    return ChartPage("spotify", named[1], day, True, whole, catalogue, tuple(top.faults))


def _whole(name: str, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
    if len(entries) < POSITIONS:
        raise _changed(name, f"it has {len(entries)} rows")
    return entries


def _changed(name: str, how: str) -> PageChanged:
    return PageChanged(
        f"{name}'s page is not what it was: {how}. The last good chart stays; look at the page, and report it."
    )
