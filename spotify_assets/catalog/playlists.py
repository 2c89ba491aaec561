"""The tracks of a playlist, from any shape that Spotify has given it since 2026.

An app sees the contents as `items` with an `item` in each row (new Development Mode), as `tracks` with a `track`
(before February 2026), or under both names at both levels (Extended, in a capture of March 2026). A page of the
contents has the rows at its top; a whole playlist has such a page inside.
"""

from spotify_assets.reading import Reader


def track_objects(playlist_or_page: Reader) -> list[Reader]:
    """The track objects in the order of the rows; rows without one (removed, or an episode) are left out."""
    rows = _page(playlist_or_page).children("items") or []
    things = (_thing(row) for row in rows)
    return [thing for thing in things if thing is not None and thing.value.get("type", "track") == "track"]


def _page(payload: Reader) -> Reader:
    for name in ("items", "tracks"):
        if isinstance(payload.value.get(name), dict):
            return payload.child(name) or payload
    return payload


def _thing(row: Reader) -> Reader | None:
    for name in ("item", "track"):
        # Inside a thing, and not beside it, Extended apps also see a `track` that says true or false.
        if row.value.get(name) is not None:
            return row.child(name)
    return None
