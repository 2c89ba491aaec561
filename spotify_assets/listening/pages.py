"""A landed page of `GET /me/player/recently-played`, read into plays and what it says of tracks, albums and artists."""

from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile

from spotify_assets.catalog.objects import Catalogue, read_track
from spotify_assets.reading import Fault, Reader, read_payload


@dataclass(frozen=True)
class Play:
    """One play as the API reports it. `played_at` is its END, in UTC and milliseconds (measured over 14,841 plays)."""

    played_at: datetime
    track_id: str
    context_type: str | None
    context_uri: str | None


@dataclass(frozen=True)
class Page:
    """What a page holds, newest play first as Spotify sends it, and what could not be read."""

    plays: list[Play]
    catalogue: Catalogue
    faults: list[Fault]
    complete_from: datetime | None = None
    """The oldest play before the first row that is no play: from here on nothing of the page is lacking."""


def read_page(payload: bytes) -> Page:
    """Reads a page; never raises for its content. A row that can't be a play is a fault, the others load."""
    top = read_payload(payload)
    found = Catalogue()
    if top.value and "items" not in top.value:
        top.fault("items", "the list of plays is missing", top.value)
    items = top.children("items") or []
    rows = [_play(item, found) for item in items]
    plays = [play for play in rows if play]
    whole = list(takewhile(lambda play: play is not None, rows)) if _are_all_objects(top, items) else []
    return Page(plays, found, top.faults, min((play.played_at for play in whole if play), default=None))


def _are_all_objects(top: Reader, items: list[Reader]) -> bool:
    """Whether no row was left out, so that the rows stand where they stood on the page."""
    given = top.value.get("items")
    return isinstance(given, list) and len(given) == len(items)


def unreadable_page(reason: str) -> Page:
    """What is known of a page whose object can't be read."""
    return Page([], Catalogue(), [Fault("", reason, "")])


def _play(item: Reader, found: Catalogue) -> Play | None:
    track = item.child("track")
    played_at = item.moment("played_at")
    track_id = read_track(track, found) if track else None
    if played_at is None or track_id is None:
        lacking = "when it was played" if played_at is None else "which track it was"
        item.fault("", f"no play, for it does not say {lacking}", item.value)
        return None
    context = item.child("context")
    return Play(
        played_at=played_at,
        track_id=track_id,
        context_type=context.text("type") if context else None,
        context_uri=context.text("uri") if context else None,
    )
