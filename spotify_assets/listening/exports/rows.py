"""A landed file of an export, row by row, as text that Postgres' COPY takes: every row, as it stands there.

What most rows look like is learnt from the first of them (their keys, the types of their values), and such rows take a
fast path; any other row goes through `Reader`, which says what can't be taken. A row that is broken or cut costs only
itself: it is one fault for the whole row, and reading goes on at the next.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from operator import itemgetter
from typing import Any

from spotify_assets.listening.exports.recognition import Kind
from spotify_assets.reading import EXCERPT, INT32, Fault, Reader, excerpt

Row = dict[str, object]

# The columns of raw.streams, behind user_id, file_hash and file_row, and the keys of an extended history's row.
COLUMNS = {
    "ts": "timestamptz(0)",
    "ms_played": "integer",
    "track_uri": "text",
    "track_name": "text",
    "album_artist_name": "text",
    "album_name": "text",
    "episode_uri": "text",
    "episode_name": "text",
    "episode_show_name": "text",
    "audiobook_uri": "text",
    "audiobook_title": "text",
    "audiobook_chapter_uri": "text",
    "audiobook_chapter_title": "text",
    "platform": "text",
    "conn_country": "text",
    "reason_start": "text",
    "reason_end": "text",
    "shuffle": "boolean",
    "skipped": "boolean",
    "offline": "boolean",
    "offline_timestamp": "bigint",
    "incognito_mode": "boolean",
}
_EXTENDED = {name: name for name in COLUMNS} | {
    "track_uri": "spotify_track_uri",
    "track_name": "master_metadata_track_name",
    "album_artist_name": "master_metadata_album_artist_name",
    "album_name": "master_metadata_album_album_name",
    "episode_uri": "spotify_episode_uri",
}
_ACCOUNT_DATA = {
    "ts": "endTime",
    "ms_played": "msPlayed",
    "album_artist_name": "artistName",
    "track_name": "trackName",
    "episode_show_name": "podcastName",
    "episode_name": "episodeName",
}
KEYS: dict[Kind, dict[str, str]] = {"extended": _EXTENDED, "account_data": _ACCOUNT_DATA}

_TIMES: dict[Kind, re.Pattern[str]] = {
    "extended": re.compile(r"\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\dZ", re.ASCII),
    "account_data": re.compile(r"\d{4}-\d\d-\d\d ([01]\d|2[0-3]):[0-5]\d", re.ASCII),
}
_TYPES: dict[str, frozenset[type]] = {
    "timestamptz(0)": frozenset({str}),
    "integer": frozenset({int}),
    "text": frozenset({str, type(None)}),
    "boolean": frozenset({bool, type(None)}),
    "bigint": frozenset({int, type(None)}),
}
_INT64 = 2**63
_BLOCK = 128
_MOST_PLANS = 100
"""A file whose rows differ more than that from each other is read with care."""
_MOST_DAMAGES = 1_000
_TABS = len(COLUMNS) + 2
_TRACK = "spotify:track:"

_SPACES = re.compile(r"[ \t\r\n]*")
_BEGIN = re.compile("\ufeff?[ \t\r\n]*\\[[ \t\r\n]*")
_NEXT = re.compile(r"[ \t\r\n]*([,\]])[ \t\r\n]*")
_BETWEEN = re.compile(r"\}[ \t\r\n]*,[ \t\r\n]*(?=\{)")
_DECODE = json.JSONDecoder(strict=False).raw_decode
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

TrackNames = tuple[str, str, str, str]
"""When the newest stream that names it ended (as in `ts`), track, album artist, album; what is absent is empty."""


@dataclass(frozen=True)
class _Plan:
    """How rows with certain keys become a line."""

    columns: tuple[str, ...]
    pick: "itemgetter[object]"
    template: str
    offline_at: int | None
    good: set[tuple[type, ...]] = field(default_factory=set)
    """The types of values, in the order of the columns, that need no care."""

    def takes(self, types: tuple[type, ...]) -> bool:
        if types in self.good:
            return True
        if not all(kind in _TYPES[COLUMNS[name]] for name, kind in zip(self.columns, types, strict=True)):
            return False
        self.good.add(types)
        return True


@dataclass
class FileRows:
    """The rows of one file. What it says of itself is complete when `blocks` has come to its end."""

    payload: bytes = field(repr=False)
    kind: Kind
    user_id: str
    file_hash: str
    faults: list[Fault] = field(default_factory=list)
    rows_read: int = 0
    """Rows in the file, those included that did not load; what a cut left of one counts as one."""
    rows_kept: int = 0
    first: str | None = None
    """The smallest `ts`, as `2021-10-02T13:25:41Z`."""
    last: str | None = None
    days: set[str] = field(default_factory=set)
    """The UTC days on which streams ended, as `2021-10-02`."""
    tracks: dict[str, TrackNames] = field(default_factory=dict)
    """By URI, what the newest stream calls a track."""
    _plans: dict[tuple[str, ...], _Plan | None] = field(default_factory=dict)
    _known_days: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._keys = KEYS[self.kind]
        self._is_time = _TIMES[self.kind].fullmatch

    def blocks(self) -> Iterator[bytes]:
        """Lines for COPY (text format, tabs, an absent value is empty), some hundred rows at a time."""
        lines: list[str] = []
        rows: list[tuple[int, Row]] = []
        for index, row in self._objects():
            line = self._fast_line(index, row)
            if line is None:
                yield from self._block(lines, rows)
                lines, rows = [], []
                yield from self._with_care([(index, row)])
                continue
            lines.append(line)
            rows.append((index, row))
            if len(lines) == _BLOCK:
                yield from self._block(lines, rows)
                lines, rows = [], []
        yield from self._block(lines, rows)

    def _fast_line(self, index: int, row: Row) -> str | None:
        """The row as it stands, unless something about it needs care."""
        keys = tuple(row)
        try:
            plan = self._plans[keys]
        except KeyError:
            plan = self._plan_for(keys)
        if plan is None:
            return None
        values = plan.pick(row)
        if not isinstance(values, tuple) or not plan.takes(tuple(map(type, values))):
            return None
        ts, ms_played = values[0], values[1]
        if not self._is_time(ts) or not 0 <= ms_played < INT32 or not self._is_day(ts[:10]):
            return None
        cells: list[Any] = ["" if value is None else value for value in values]
        if plan.offline_at is not None:
            at = cells[plan.offline_at]
            if at == 0:
                cells[plan.offline_at] = ""
            elif at != "" and not -_INT64 <= at < _INT64:
                return None
        if self.kind == "account_data":
            cells[0] = _end_of_minute(ts)
        return plan.template % (index + 1, *cells)

    def _plan_for(self, keys: tuple[str, ...]) -> _Plan | None:
        if len(self._plans) > _MOST_PLANS:
            return None
        present = {name: key for name, key in self._keys.items() if key in keys}
        plan = None
        if "ts" in present and "ms_played" in present:
            cells = ["%s" if name in present else "" for name in COLUMNS]
            columns = tuple(name for name in COLUMNS if name in present)
            plan = _Plan(
                columns,
                itemgetter(*(present[name] for name in columns)),
                "\t".join((self.user_id, self.file_hash, "%d", *cells)),
                columns.index("offline_timestamp") if "offline_timestamp" in present else None,
            )
        self._plans[keys] = plan
        return plan

    def _is_day(self, day: str) -> bool:
        if day in self._known_days:
            return True
        try:
            date.fromisoformat(day)
        except ValueError:
            return False
        self._known_days.add(day)
        return True

    def _block(self, lines: list[str], rows: list[tuple[int, Row]]) -> Iterator[bytes]:
        """The lines as they are, where nothing in them means something to COPY; else the rows with care."""
        if not lines:
            return
        block = "\n".join(lines) + "\n"
        count = len(lines)
        is_plain = (
            block.count("\t") == count * _TABS
            and block.count("\n") == count
            and not any(sign in block for sign in ("\\", "\r", "\x00"))
        )
        encoded = b""
        if is_plain:
            try:
                encoded = block.encode()
            except UnicodeEncodeError:
                is_plain = False
        if not is_plain:
            yield from self._with_care(rows)
            return
        keys = self._keys
        times = [str(row[keys["ts"]]) for _, row in rows]
        if self.kind == "account_data":
            times = [_end_of_minute(time) for time in times]
        self._note_times(times)
        uri, track, artist, album = (
            keys.get(name, "") for name in ("track_uri", "track_name", "album_artist_name", "album_name")
        )
        for ts, (_, row) in zip(times, rows, strict=True):
            get = row.get
            if get(track):
                self._note_track(ts, get(uri), get(track), get(artist), get(album))
        self.rows_kept += count
        yield encoded

    def _with_care(self, rows: list[tuple[int, Row]]) -> Iterator[bytes]:
        lines = []
        for index, row in rows:
            values = self._careful_values(index, row)
            if values:
                ts = str(values["ts"])
                self._note_times([ts])
                names = ("track_uri", "track_name", "album_artist_name", "album_name")
                self._note_track(ts, *map(values.get, names))
                cells = (self.user_id, self.file_hash, index + 1, *(values.get(name) for name in COLUMNS))
                lines.append("\t".join("" if cell is None else str(cell).translate(_ESCAPES) for cell in cells))
        self.rows_kept += len(lines)
        if lines:
            yield ("\n".join(lines) + "\n").encode()

    def _careful_values(self, index: int, row: Row) -> dict[str, object] | None:
        """The values by column, what can't be taken left out and noted; None, and one fault, for what is no stream."""
        reader = Reader({key: value for key, value in row.items() if value != ""}, f"/{index}")
        keys = self._keys
        ts = _moment(reader, keys["ts"], self.kind)
        ms_played = reader.integer(keys["ms_played"])
        if ts is None or ms_played is None or ms_played < 0:
            lacking = "when it ended" if ts is None else "how long it was played"
            self.faults.append(Fault(f"/{index}", f"no stream, for it does not say {lacking}", excerpt(row)))
            return None
        values: dict[str, object] = {"ts": ts, "ms_played": ms_played}
        for name, key in keys.items():
            kind = COLUMNS[name]
            if kind == "text":
                values[name] = reader.text(key)
            elif kind == "boolean":
                values[name] = _boolean(reader, key)
            elif kind == "bigint":
                values[name] = _large(reader, key)
        self.faults.extend(reader.faults)
        return values

    def _note_times(self, times: list[str]) -> None:
        self.days.update(ts[:10] for ts in times)
        self.first = min(*times, self.first or times[0])
        self.last = max(*times, self.last or times[0])

    def _note_track(self, ts: str, uri: object, track: object, artist: object, album: object) -> None:
        if track and isinstance(uri, str) and uri.startswith(_TRACK):
            known = self.tracks.get(uri)
            if known is None or ts >= known[0]:
                names = (ts, str(track), str(artist or ""), str(album or ""))
                if known is None or names > known:
                    self.tracks[uri] = names

    def _objects(self) -> Iterator[tuple[int, Row]]:
        """The rows that are JSON objects, with their index; what is none, or no JSON, becomes a fault."""
        text = self.payload.decode("utf-8", "surrogateescape")
        begin = _BEGIN.match(text)
        if begin is None:
            self._fault(text[:EXCERPT], "no list of rows")
            return
        position = begin.end()
        damages = 0
        while not text.startswith("]", position):
            if position >= len(text):
                self._fault("", "the file ends here, in the middle of the list: it is cut")
                return
            try:
                row, end = _DECODE(text, position)
            except (ValueError, RecursionError):
                damages += 1
                after = _next_row(text, position) if damages <= _MOST_DAMAGES else None
                if after is None:
                    self._fault(text[position : position + EXCERPT], "damaged or cut from here to the file's end")
                    return
                self._fault(text[position : min(after, position + EXCERPT)], "damaged: no JSON")
                position = after
                continue
            index = self.rows_read
            self.rows_read += 1
            if isinstance(row, dict):
                yield index, row
            else:
                self.faults.append(Fault(f"/{index}", "expected an object", excerpt(row)))
            separator = _NEXT.match(text, end)
            position = separator.end() if separator and separator[1] == "," else _past_spaces(text, end)
        if _past_spaces(text, position + 1) < len(text):
            self._fault(text[position : position + EXCERPT], "something follows the end of the list")

    def _fault(self, content: str, reason: str) -> None:
        self.faults.append(Fault(f"/{self.rows_read}", reason, excerpt(content)))
        self.rows_read += 1


def whole_rows(faults: Mapping[str, Fault]) -> int:
    """How many of the faults (by position) stand for a whole row that did not load."""
    return sum(position.count("/") == 1 for position in faults)


def _past_spaces(text: str, position: int) -> int:
    found = _SPACES.match(text, position)
    return found.end() if found else position


def _next_row(text: str, position: int) -> int | None:
    """Where the first row begins behind a damaged one: behind `},`, and it can be read."""
    for between in _BETWEEN.finditer(text, position):
        try:
            _DECODE(text, between.end())
        except (ValueError, RecursionError):
            continue
        return between.end()
    return None


def _end_of_minute(text: str) -> str:
    """Account data's `2021-10-02 13:25` as a time in UTC."""
    return f"{text[:10]}T{text[11:]}:00Z"


def _moment(reader: Reader, key: str, kind: Kind) -> str | None:
    """A time of any form that has a zone (in account data: none, for it is UTC), in whole seconds of UTC."""
    text = reader.value.get(key)
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is None:
            if kind == "extended":
                return None
            at = at.replace(tzinfo=UTC)
        return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)
    except (ValueError, OverflowError):
        return None


def _boolean(reader: Reader, key: str) -> bool | None:
    value = reader.value.get(key)
    if type(value) is int and value in (0, 1):
        return bool(value)
    return reader.boolean(key)


def _large(reader: Reader, key: str) -> int | None:
    """A whole number of 64 bits; 0 means that there is none."""
    value = reader.value.get(key)
    if type(value) is int and -_INT64 <= value < _INT64:
        return value or None
    return reader.integer(key)
