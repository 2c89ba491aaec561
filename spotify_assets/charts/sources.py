"""Where the world's top 50 comes from: kworb.net, Deezer, or a Spotify playlist for apps that may read it.

What is asked for is the whole page; what it says is read elsewhere, once it has landed (`pages.py`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from spotify_assets.asking import Asker, HostFailed, Told
from spotify_assets.clock import Clock
from spotify_assets.settings import Settings
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.catalogue import Catalogue
from spotify_assets.spotify.exchange import new_session

Series = tuple[str, str]
"""(source, chart): charts of different series are never mixed."""
WORLDWIDE = "3155776842"
"""Deezer's playlist "Top Worldwide": its chart without a country follows the caller's."""


class Source(Protocol):
    """A source of charts."""

    def fetch(self) -> Told:
        """The page of the present chart. Raises a `UserError` with a sentence."""


@dataclass(frozen=True)
class Kworb:
    """kworb.net's copy of Spotify's daily chart of the world."""

    asker: Asker
    url: str

    def fetch(self) -> Told:
        reply, at = self.asker.get(f"{self.url}/spotify/country/global_daily.html")
        if reply.status != 200:
            raise HostFailed(f"kworb has no page of the chart (HTTP {reply.status}): it is asked again later.")
        return Told(reply.body, at)


@dataclass(frozen=True)
class Deezer:
    """Deezer's worldwide chart: another population, hence another series."""

    asker: Asker
    url: str

    def fetch(self) -> Told:
        reply, at = self.asker.get(f"{self.url}/playlist/{WORLDWIDE}/tracks", [("limit", "50")])
        answer = reply.json_object()
        # Its errors come with status 200.
        error = answer.get("error") if answer else None
        if isinstance(error, dict):
            raise HostFailed(f"Deezer refused its chart ({str(error.get('message', '?'))[:80]}): it is asked later.")
        if answer is None or reply.status != 200:
            raise HostFailed(f"Deezer gave no usable answer (HTTP {reply.status}): it is asked again later.")
        return Told(reply.body, at)


@dataclass(frozen=True)
class SpotifyPlaylist:
    """A playlist of Spotify's; its own Top 50 is hidden from apps in Development Mode."""

    spotify: SpotifyAccess = field(repr=False)
    playlist_id: str

    def fetch(self) -> Told:
        client = self.spotify.any_listener("charts")
        if client is None:
            raise HostFailed("A Spotify playlist as source of charts needs a connected listener: log in, see README.")
        catalogue = Catalogue(client, self.spotify.capabilities)
        page = next(catalogue.playlist_items(self.playlist_id))
        return Told(page.body, page.fetched_at)


def series_of(name: str) -> Series:
    """The (source, chart) under which the pages of one of `TOP_50_SOURCES` are stored."""
    charts = {"kworb": "global_daily", "deezer": "top_worldwide"}
    return (name, charts[name]) if name in charts else ("spotify", name.removeprefix("spotify:"))


@contextmanager
def open_sources(settings: Settings, spotify: SpotifyAccess, clock: Clock) -> Iterator[dict[Series, Source]]:
    """The sources of `TOP_50_SOURCES` by their series, in order. Calls nobody."""
    with new_session() as session:
        made: dict[str, Callable[[], Source]] = {
            "kworb": lambda: Kworb(Asker("kworb", session, clock), settings.kworb_url),
            "deezer": lambda: Deezer(Asker("Deezer", session, clock), settings.deezer_url),
        }
        yield {
            series_of(name): made[name]() if name in made else SpotifyPlaylist(spotify, series_of(name)[1])
            for name in settings.top_50_sources
        }
