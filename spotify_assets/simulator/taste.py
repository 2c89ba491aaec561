"""What a listener likes: which artists they know by a given day, which they play most, what they are obsessed with."""

from datetime import date
from random import Random

from spotify_assets.simulator.catalogue import Album, Artist, Catalogue, Track

_OBSESSION_DAYS = 17
_SEASON_DAYS = 70


class Taste:
    """One listener's taste. Every answer depends on seed, listener and day alone, so any day can be asked first."""

    def __init__(self, catalogue: Catalogue, user: str, since: date) -> None:
        self._catalogue = catalogue
        self._user = user
        self._since = since
        self._found: dict[int, int] = {}
        self._places: dict[tuple[int, int], int] = {}

    def favourite(self, rng: Random, day: date) -> Artist:
        """An artist from the known ones: a few very often, most hardly ever (Zipf), the order drifting with time."""
        known = self._known(day)
        rank = int((known + 1) ** rng.random()) - 1
        return self._discovered(min(self._place(day, rank), known - 1))

    def newcomer(self, rng: Random, day: date) -> Artist:
        """One of the artists who were discovered last."""
        known = self._known(day)
        return self._discovered(known - 1 - min(int(rng.expovariate(0.4)), known - 1))

    def obsession(self, day: date) -> Artist:
        """Whom the listener can't stop playing for some weeks."""
        period = (day - self._since).days // _OBSESSION_DAYS
        rng = self._rng("obsession", period)
        return self._discovered(int((self._known(day) - 1) * rng.random() ** 0.7))

    def track(self, rng: Random, artist: Artist, day: date) -> Track:
        """One of the artist's tracks that are out, hits more often."""
        out = [track for released, track in artist.by_popularity if released <= day]
        return out[min(int((len(out) + 1) ** rng.random()) - 1, len(out) - 1)]

    def album(self, rng: Random, artist: Artist, day: date) -> Album:
        """One of the artist's albums that are out."""
        out = [album for album in artist.albums if album.released <= day]
        return rng.choice(out)

    def _known(self, day: date) -> int:
        return 60 + max(0, (day - self._since).days) * 3 // 8

    def _discovered(self, n: int) -> Artist:
        """The n-th artist in the order in which the listener met them: more and more obscure ones."""
        if n not in self._found:
            self._found[n] = int((300 + 4 * n) * self._rng("discovery", n).random() ** 1.7)
        return self._catalogue.artist(self._found[n])

    def _place(self, day: date, rank: int) -> int:
        key = ((day - self._since).days // _SEASON_DAYS, rank)
        if key not in self._places:
            drift = self._rng("season", *key).lognormvariate(0, 0.6)
            self._places[key] = int((rank + 1) * drift)
        return self._places[key]

    def _rng(self, *what: object) -> Random:
        return Random("|".join(map(str, (self._catalogue.seed, self._user, *what))))  # noqa: S311 - not secrets
