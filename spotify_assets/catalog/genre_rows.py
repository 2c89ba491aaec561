"""Answers about genres into `raw`: of each thing that was asked about, the newest answer wins as a whole.

Spotify's genres of an artist; the MusicBrainz artists behind a Spotify address or an ISRC; the tags of a MusicBrainz
artist; the list of those tags that are genres. `raw.artist_genres` is a view that puts them together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from spotify_assets.catalog.objects import Kind
from spotify_assets.storage.bulk import copy_rows
from spotify_assets.storage.ledger import Cursor

GENRE_BYTES = 500
"""The longest name of a genre or tag: together with an id it is a key."""
_NEVER = datetime.min.replace(tzinfo=UTC)
_Rows = list[tuple[object, ...]]


@dataclass
class GenreAnswers:
    """What one landed answer says, fetched at a moment (UTC). A thing with an empty list has nothing any more."""

    fetched_at: datetime = _NEVER
    spotify: dict[str, list[str]] = field(default_factory=dict)
    """Genres by Spotify's id of the artist."""
    addresses: dict[str, list[str]] = field(default_factory=dict)
    """MBIDs by Spotify's id of the artist."""
    isrcs: dict[str, dict[str, str]] = field(default_factory=dict)
    """Names by MBID, by ISRC."""
    tags: dict[str, dict[str, int]] = field(default_factory=dict)
    """Votes by tag, by MBID."""
    genres: list[str] | None = None
    """The whole list of genres."""


@dataclass(frozen=True)
class _Table:
    kind: str
    name: str
    key: str
    columns: tuple[tuple[str, str], ...]


_TABLES = (
    _Table("spotify", "raw.spotify_genres", "artist_id", (("genre", "text"),)),
    _Table("address", "raw.musicbrainz_addresses", "artist_id", (("mbid", "text"),)),
    _Table("isrc", "raw.musicbrainz_isrcs", "isrc", (("mbid", "text"), ("name", "text"))),
    _Table("tags", "raw.musicbrainz_tags", "mbid", (("tag", "text"), ("votes", "integer"))),
)


def load_genres(cur: Cursor, answers: Sequence[GenreAnswers]) -> set[tuple[Kind, str]]:
    """Upserts in the caller's transaction; returns the artists whose genres may have changed by it."""
    touched: set[str] = set()
    for table in _TABLES:
        changed = _load_table(cur, table, answers)
        if changed:
            touched |= _artists_of(cur, table.kind, changed)
    if _load_list(cur, answers):
        cur.execute("select distinct artist_id from raw.artist_mbids")
        touched |= {str(artist_id) for (artist_id,) in cur.fetchall()}
    return {("artist", artist_id) for artist_id in touched}


def _things(kind: str, answer: GenreAnswers) -> dict[str, _Rows]:
    """The rows of one kind that an answer gives, without their key, by that key."""
    if kind == "spotify":
        return {key: [(name,) for name in names] for key, names in answer.spotify.items()}
    if kind == "address":
        return {key: [(mbid,) for mbid in mbids] for key, mbids in answer.addresses.items()}
    if kind == "isrc":
        return {key: [*names.items()] for key, names in answer.isrcs.items()}
    return {key: [*votes.items()] for key, votes in answer.tags.items()}


def _load_table(cur: Cursor, table: _Table, answers: Sequence[GenreAnswers]) -> list[str]:
    """Puts the newest answers in place; returns the keys whose rows changed."""
    newest: dict[str, tuple[datetime, list[str], _Rows]] = {}
    for answer in answers:
        for key, rows in _things(table.kind, answer).items():
            found = (answer.fetched_at, sorted(map(str, rows)), rows)
            if key not in newest or found[:2] > newest[key][:2]:
                newest[key] = found
    if not newest:
        return []
    heads = [(table.kind, key, at) for key, (at, _, _) in newest.items()]
    copy_rows(cur, "staged_answers", [("kind", "text"), ("id", "text"), ("fetched_at", "timestamptz")], heads)
    cur.execute(
        """
        delete from staged_answers as s
        using ops.genre_answers as known
        where (known.kind, known.id) = (s.kind, s.id) and known.fetched_at > s.fetched_at
        """
    )
    names = [table.key, *(name for name, _ in table.columns)]
    rows_of = ((key, *row) for key, (_, _, rows) in newest.items() for row in rows)
    copy_rows(cur, "staged_genres", [(table.key, "text"), *table.columns], rows_of)
    changed: set[str] = set()
    gone = f"""
        delete from {table.name} as t
        using staged_answers as a
        where t.{table.key} = a.id
            and not exists (select from staged_genres as s where ({_all("s", names)}) = ({_all("t", names)}))
        returning t.{table.key}
    """
    new = f"""
        insert into {table.name} as t ({", ".join(names)})
        select {_all("s", names)}
        from staged_genres as s
        inner join staged_answers as a on a.id = s.{table.key}
        on conflict do nothing
        returning t.{table.key}
    """
    for statement in (gone, new):
        cur.execute(statement.encode())
        changed |= {str(key) for (key,) in cur.fetchall()}
    cur.execute(
        """
        insert into ops.genre_answers (kind, id, fetched_at)
        select kind, id, fetched_at from staged_answers
        on conflict (kind, id) do update
        set fetched_at = excluded.fetched_at
        """
    )
    return sorted(changed)


def _all(alias: str, names: Iterable[str]) -> str:
    return ", ".join(f"{alias}.{name}" for name in names)


def _load_list(cur: Cursor, answers: Iterable[GenreAnswers]) -> bool:
    """Makes the newest list of genres the list; returns whether that changed it."""
    lists = [answer for answer in answers if answer.genres is not None]
    if not lists:
        return False
    newest = max(lists, key=lambda answer: (answer.fetched_at, answer.genres))
    cur.execute(
        """
        insert into ops.genre_answers as known (kind, id, fetched_at)
        values ('genres', '', %s)
        on conflict (kind, id) do update
        set fetched_at = excluded.fetched_at
        where excluded.fetched_at >= known.fetched_at
        """,
        (newest.fetched_at,),
    )
    if cur.rowcount == 0:
        return False
    names = list(newest.genres or ())
    cur.execute("delete from raw.musicbrainz_genres where name <> all(%s)", (names,))
    removed = cur.rowcount
    cur.execute("insert into raw.musicbrainz_genres (name) select unnest(%s::text[]) on conflict do nothing", (names,))
    return removed + cur.rowcount > 0


_ARTISTS = {
    "spotify": "select unnest(%(keys)s::text[])",
    "address": "select unnest(%(keys)s::text[])",
    "isrc": """
        select credits.artist_id
        from raw.tracks as tracks
        inner join raw.track_artists as credits on credits.track_id = tracks.track_id
        where upper(replace(tracks.isrc, '-', '')) = any(%(keys)s)
    """,
    "tags": "select artist_id from raw.artist_mbids where mbid = any(%(keys)s)",
}


def _artists_of(cur: Cursor, kind: str, keys: list[str]) -> set[str]:
    cur.execute(_ARTISTS[kind].encode(), {"keys": keys})
    return {str(artist_id) for (artist_id,) in cur.fetchall()}
