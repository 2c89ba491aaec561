"""Spotify's objects as JSON: what Extended apps get, and what each other tier leaves out.

Fields that a tier doesn't get are absent, never null, wherever the object appears (February 2026 changelog).
"""

from collections.abc import Sequence
from urllib.parse import quote_plus

from spotify_assets.simulator.catalogue import Album, Artist, Catalogue, Track
from spotify_assets.simulator.config import Tier

Json = dict[str, object]

ABSENT_IN_NEW_DEV: dict[str, frozenset[str]] = {
    "track": frozenset({"popularity", "available_markets", "linked_from"}),
    "artist": frozenset({"followers", "popularity", "genres"}),
    "album": frozenset({"album_group", "available_markets", "label", "popularity"}),
}
PROFILE_ABSENT_IN_NEW_DEV = frozenset({"country", "email", "explicit_content", "followers", "product"})

_MARKETS = (
    "AD AE AG AL AM AO AR AT AU AZ BA BB BD BE BF BG BH BI BJ BN BO BR BS BT BW BY BZ CA CD CG CH CI CL CM CO CR CV "
    "CW CY CZ DE DJ DK DM DO DZ EC EE EG ES ET FI FJ FM FR GA GB GD GE GH GM GN GQ GR GT GW GY HK HN HR HT HU ID IE "
    "IL IN IQ IS IT JM JO JP KE KG KH KI KM KN KR KW KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MG MH MK ML MN "
    "MO MR MT MU MV MW MX MY MZ NA NE NG NI NL NO NP NR NZ OM PA PE PG PH PK PL PS PT PW PY QA RO RS RW SA SB SC SE "
    "SG SI SK SL SM SN SR ST SV SZ TD TG TH TJ TL TN TO TR TT TV TW TZ UA UG US UY UZ VC VE VN VU WS XK ZA ZM ZW"
)
MARKETS = tuple(_MARKETS.split())
API = "https://api.spotify.com/v1"


def reference(kind: str, spotify_id: str) -> Json:
    """What every object begins with: id, type, uri and addresses."""
    return {
        "external_urls": {"spotify": f"https://open.spotify.com/{kind}/{spotify_id}"},
        "href": f"{API}/{kind}s/{spotify_id}",
        "id": spotify_id,
        "type": kind,
        "uri": f"spotify:{kind}:{spotify_id}",
    }


def for_tier(value: object, tier: Tier) -> object:
    """A copy without what the tier leaves out, at every depth."""
    if tier != "new_dev":
        return value
    if isinstance(value, list):
        return [for_tier(item, tier) for item in value]
    if not isinstance(value, dict):
        return value
    kind = value.get("type")
    absent = ABSENT_IN_NEW_DEV.get(kind, frozenset()) if isinstance(kind, str) else frozenset()
    return {key: for_tier(item, tier) for key, item in value.items() if key not in absent}


class Shapes:
    """Makes the JSON objects of one catalogue for one tier. Objects are kept and shared: don't change them."""

    def __init__(self, catalogue: Catalogue, tier: Tier) -> None:
        self._catalogue = catalogue
        self._tier = tier
        self._tracks: dict[str, Json] = {}

    def track(self, track: Track) -> Json:
        """The full track object, with its simplified album."""
        if track.id not in self._tracks:
            album = self._catalogue.album(track.artist, track.album, track.version)
            full = self._simple_track(track) | {
                "album": self._album_base(album),
                "external_ids": {"isrc": track.isrc},
                "popularity": track.popularity,
            }
            self._tracks[track.id] = self._cut(full)
        return self._tracks[track.id]

    def linked_track(self, asked: Track, played: Track, market: str) -> Json:
        """The answer for a market in which another version of the recording is played."""
        track = {key: value for key, value in self.track(played).items() if key != "available_markets"}
        link = reference("track", asked.id)
        return self._cut(track | {"is_playable": market in MARKETS, "linked_from": link})

    def artist(self, artist: Artist) -> Json:
        sizes = ((640, "ab6761610000e5eb"), (320, "ab67616100005174"), (160, "ab6761610000f178"))
        return self._cut(
            reference("artist", artist.id)
            | {
                "followers": {"href": None, "total": artist.followers},
                "genres": list(artist.genres),
                "images": _images(sizes, artist.image),
                "name": artist.name,
                "popularity": artist.popularity,
            }
        )

    def album(self, album: Album) -> Json:
        """The full album object with all its tracks: no album here is longer than a page of 50."""
        return self._cut(
            self._album_base(album)
            | {
                "tracks": {
                    "href": f"{API}/albums/{album.id}/tracks?offset=0&limit=50",
                    "items": [self._simple_track(track) for track in album.tracks],
                    "limit": 50,
                    "next": None,
                    "offset": 0,
                    "previous": None,
                    "total": len(album.tracks),
                },
                "copyrights": [{"text": f"{album.released.year} {album.label}", "type": kind} for kind in ("C", "P")],
                "external_ids": {"upc": album.upc},
                "genres": [],
                "label": album.label,
                "popularity": album.popularity,
            }
        )

    def local_file(self, track: Track) -> Json:
        """A file of the listener's own: no ids, hardly any metadata, and a URI that is spelt from its tags."""
        artist, album = self._catalogue.artist_name(track.artist), self._catalogue.album(track.artist, track.album)
        return self._cut(
            {
                "album": {
                    "album_type": None,
                    "artists": [],
                    "available_markets": [],
                    "external_urls": {},
                    "href": None,
                    "id": None,
                    "images": [],
                    "name": album.name,
                    "release_date": None,
                    "release_date_precision": None,
                    "type": "album",
                    "uri": None,
                },
                "artists": [
                    {"external_urls": {}, "href": None, "id": None, "name": artist, "type": "artist", "uri": None}
                ],
                "available_markets": [],
                "disc_number": 0,
                "duration_ms": track.duration_ms,
                "explicit": False,
                "external_ids": {},
                "external_urls": {},
                "href": None,
                "id": None,
                "is_local": True,
                "name": track.name,
                "popularity": 0,
                "preview_url": None,
                "track_number": 0,
                "type": "track",
                "uri": local_uri(artist, album.name, track),
            }
        )

    def _simple_track(self, track: Track) -> Json:
        performers = [track.artist] if track.featuring is None else [track.artist, track.featuring]
        preview = f"https://p.scdn.co/mp3-preview/{track.isrc.lower()}" if self._tier == "extended" else None
        return reference("track", track.id) | {
            "artists": [self._simple_artist(number) for number in performers],
            "available_markets": list(MARKETS),
            "disc_number": 1,
            "duration_ms": track.duration_ms,
            "explicit": track.explicit,
            "is_local": False,
            "name": track.name,
            "preview_url": preview,
            "track_number": track.position + 1,
        }

    def _simple_artist(self, number: int) -> Json:
        artist = self._catalogue.artist(number)
        return reference("artist", artist.id) | {"name": artist.name}

    def _album_base(self, album: Album) -> Json:
        sizes = ((640, "ab67616d0000b273"), (300, "ab67616d00001e02"), (64, "ab67616d00004851"))
        return reference("album", album.id) | {
            "album_type": album.kind,
            "artists": [self._simple_artist(album.artist)],
            "available_markets": list(MARKETS),
            "images": _images(sizes, album.image),
            "name": album.name,
            "release_date": album.release_date,
            "release_date_precision": album.precision,
            "total_tracks": len(album.tracks),
        }

    def _cut(self, value: Json) -> Json:
        cut = for_tier(value, self._tier)
        assert isinstance(cut, dict)  # noqa: S101 - for_tier keeps the type; this tells the checker
        return cut


def local_uri(artist: str, album: str, track: Track) -> str:
    """`spotify:local:artist:album:title:seconds`, each part URL-encoded, as in a recorded playlist."""
    return ":".join(("spotify:local", *map(quote_plus, (artist, album, track.name)), str(track.duration_ms // 1000)))


def _images(sizes: Sequence[tuple[int, str]], image: str) -> list[Json]:
    return [{"height": size, "url": f"https://i.scdn.co/image/{code}{image}", "width": size} for size, code in sizes]
