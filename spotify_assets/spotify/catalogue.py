"""Tracks, artists, albums and playlists by their ids, in as few calls as the app's tier allows.

Several ids go in one call where Spotify allows that, and one by one where it does not; which of the two is found out by
trying, and remembered for a day (`capabilities.py`). What the answers say is read elsewhere, in `catalog/`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from spotify_assets.reading import read_payload
from spotify_assets.spotify.capabilities import Batch, Capabilities
from spotify_assets.spotify.client import Answer
from spotify_assets.spotify.outcomes import BadRequest, NotAllowedInTier, NotFound, SpotifyError, Transient
from spotify_assets.spotify.verdicts import quoted

Kind = Literal["tracks", "artists", "albums"]

IDS_IN_A_CALL: dict[Kind, int] = {"tracks": 50, "artists": 50, "albums": 20}
BATCH: dict[Kind, Batch] = {"tracks": "tracks_batch", "artists": "artists_batch", "albums": "albums_batch"}
ROWS_ON_A_PAGE = 50
# Spotify's own example of a track (https://developer.spotify.com/documentation/web-api/reference/get-track). Whether it
# still exists does not matter: a batch with an unknown id is answered too.
_ANY_TRACK = "11dFghVXANMlKmJXsNCbNl"
_ID = re.compile(r"[0-9A-Za-z]{22}")


@dataclass(frozen=True)
class Unknown:
    """An id that Spotify doesn't know, or hides from this app."""

    kind: Kind
    id: str


@dataclass(frozen=True)
class Failed:
    """An id that alone got no answer, try after try: it may be the id, or a bad moment of Spotify's."""

    kind: Kind
    id: str
    why: Transient


class Client(Protocol):
    """Calls to the Web API: one listener's, or those of whoever is served. `calls` were made so far."""

    @property
    def calls(self) -> int: ...

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Answer: ...


@dataclass(frozen=True)
class Catalogue:
    """Spotify's catalogue through such calls. Every method raises the types in `outcomes.py`."""

    client: Client
    capabilities: Capabilities

    def several(self, kind: Kind, ids: Sequence[str]) -> Iterator[Answer | Unknown | Failed]:
        """The answers that hold these things, as `{"<kind>": [...]}` or a thing alone, and the ids without.

        An answer comes as soon as it is there, so that a failure loses none before it. What looks like no id is
        unknown without a call.
        """
        wanted = [each for each in dict.fromkeys(ids) if _ID.fullmatch(each)]
        yield from (Unknown(kind, each) for each in dict.fromkeys(ids) if not _ID.fullmatch(each))
        most = IDS_IN_A_CALL[kind]
        for start in range(0, len(wanted), most):
            yield from self._some(kind, wanted[start : start + most])

    def playlist_items(self, playlist_id: str) -> Iterator[Answer]:
        """The pages of a playlist, up to 50 rows each. `catalog/playlists.py` reads them.

        Asks the address of before February 2026 where the new one is refused and this app's tier may have the old one.
        """
        if not _ID.fullmatch(playlist_id):
            raise NotFound(f"GET /playlists/{quoted(playlist_id)}")
        address, page = self._first_page(playlist_id)
        yield page
        offset = 0
        while _goes_on(page):
            offset += ROWS_ON_A_PAGE
            page = self._page(address, offset)
            yield page

    def may_batch(self, kind: Kind) -> bool | None:
        """Whether several of these go in one call, as found in the last 24 hours; None where nobody asked."""
        return self.capabilities.allowed(BATCH[kind])

    def allows_batches(self) -> bool:
        """Whether this app may ask for several tracks at once: as found in the last 24 hours, else by one call."""
        known = self.capabilities.allowed("tracks_batch")
        if known is None:
            try:
                self.client.get("/tracks", {"ids": _ANY_TRACK})
                known = True
            except NotAllowedInTier:
                known = False
            self.capabilities.found("tracks_batch", is_allowed=known)
        return known

    def _first_page(self, playlist_id: str) -> tuple[str, Answer]:
        """The address that answers, and its first page."""
        new, old = (f"/playlists/{playlist_id}/{name}" for name in ("items", "tracks"))
        try:
            return new, self._page(new, 0)
        except NotFound as error:
            refused: SpotifyError = error
        except NotAllowedInTier as error:
            if self.capabilities.allowed("tracks_batch") is False:
                raise  # new Development Mode has the old address for nobody
            refused = error
        try:
            return old, self._page(old, 0)
        except (NotFound, NotAllowedInTier):
            raise refused from None

    def _some(self, kind: Kind, ids: Sequence[str]) -> Iterator[Answer | Unknown | Failed]:
        known = self.capabilities.allowed(BATCH[kind])
        answer = self._batch(kind, ids) if len(ids) > 1 and known is not False else None
        if answer is None:
            for each in ids:
                yield self._one(kind, each)
            return
        yield answer
        yield from _missing(kind, ids, answer)
        if known is None:
            # After the answer, which is worth more than this note.
            self.capabilities.found(BATCH[kind], is_allowed=True)

    def _batch(self, kind: Kind, ids: Sequence[str]) -> Answer | None:
        """The answer for all of them; None where they have to be asked for one by one."""
        try:
            return self.client.get(f"/{kind}", {"ids": ",".join(ids)})
        except NotAllowedInTier:
            self.capabilities.found(BATCH[kind], is_allowed=False)
        except (BadRequest, Transient) as refused:
            # One id that is none, or fails, spoils the batch: alone, each is told apart.
            if _is_of_the_app(refused):
                raise
        return None

    def _one(self, kind: Kind, each: str) -> Answer | Unknown | Failed:
        try:
            return self.client.get(f"/{kind}/{each}")
        except NotFound:
            return Unknown(kind, each)
        except BadRequest as refused:
            if _is_of_the_app(refused):
                raise
            return Unknown(kind, each)
        except Transient as failure:
            return Failed(kind, each, failure)

    def _page(self, address: str, offset: int) -> Answer:
        return self.client.get(address, {"limit": str(ROWS_ON_A_PAGE), "offset": str(offset)})


def _is_of_the_app(refused: SpotifyError) -> bool:
    """Whether a refusal is about who asks; others, such as 400, 410 and 451, are about the id."""
    return isinstance(refused, BadRequest) and refused.status == 403


def _goes_on(page: Answer) -> bool:
    """Whether a page names a next one; an empty page is the last whatever it says."""
    said = read_payload(page.body)
    return bool(said.value.get("items")) and said.text("next") is not None


def _missing(kind: Kind, ids: Sequence[str], answer: Answer) -> Iterator[Unknown]:
    """The ids of a batch in whose place Spotify put null."""
    things = read_payload(answer.body).value.get(kind)
    if isinstance(things, list) and len(things) == len(ids):
        yield from (Unknown(kind, each) for each, thing in zip(ids, things, strict=True) if thing is None)
