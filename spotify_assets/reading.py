"""Reading untrusted JSON: take what is there, and say exactly what can't be taken and why.

A `Reader` walks one landed payload. Each getter returns the value, or None where the field is absent or null; a value
of another type, or one that Postgres can't hold, also gives None and is noted as a `Fault` with its JSON pointer. A
fault never stops the rest of the payload from loading.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

INT32 = 2**31
EXCERPT = 1000
KEY_BYTES = 2000
"""An index of Postgres takes 2,704 bytes a row; the longest ids are addresses of local files, percent-encoded."""


@dataclass(frozen=True)
class Fault:
    """What could not be read: where (a JSON pointer within the object), why, and how it looked (an excerpt)."""

    position: str
    reason: str
    content: str


def excerpt(value: object) -> str:
    """At most 1,000 characters of a value as ASCII JSON, which Postgres can always hold."""
    return json.dumps(value)[:EXCERPT].replace("\\u0000", "\\\\0")


def _kind(value: object) -> str:
    kinds: dict[type, str] = {
        bool: "true/false",
        int: "a whole number",
        float: "a number",
        str: "text",
        type(None): "null",
    }
    return kinds.get(type(value), "a list" if isinstance(value, list) else "an object")


def _is_storable(text: str) -> bool:
    """Postgres holds neither NUL nor half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\x00" not in text


@dataclass(frozen=True)
class Reader:
    """One JSON object at `position` of a payload; all readers of a payload share its list of faults."""

    value: Mapping[str, object]
    position: str = ""
    faults: list[Fault] = field(default_factory=list)

    def fault(self, key: str, reason: str, content: object) -> None:
        self.faults.append(Fault(f"{self.position}/{key}" if key else self.position, reason, excerpt(content)))

    def text(self, key: str) -> str | None:
        return self._text(key, self.value.get(key))

    def _text(self, key: str, value: object) -> str | None:
        if value is None:
            return None
        if not isinstance(value, str):
            self.fault(key, f"expected text, found {_kind(value)}", value)
            return None
        if not _is_storable(value):
            self.fault(key, "text that Postgres can't hold (a NUL or half a surrogate pair)", value)
            return None
        return value

    def key(self, key: str, most: int = KEY_BYTES) -> str | None:
        """Text that a row is found by, of at most so many bytes: one that no index can hold would stop every load."""
        return self._key(key, self.value.get(key), most)

    def keys(self, key: str, most: int = KEY_BYTES) -> list[str] | None:
        """A list of such texts, or None where it is absent; what is none of them is noted and left out."""
        values = self.value.get(key)
        if values is None:
            return None
        if not isinstance(values, list):
            self.fault(key, f"expected a list, found {_kind(values)}", values)
            return None
        found = (self._key(f"{key}/{index}", value, most) for index, value in enumerate(values))
        return [text for text in found if text is not None]

    def _key(self, key: str, value: object, most: int) -> str | None:
        text = self._text(key, value)
        if text is not None and len(text.encode()) > most:
            self.fault(key, f"text of more than {most} bytes, which is no key", text)
            return None
        return text

    def integer(self, key: str) -> int | None:
        value = self.value.get(key)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # 204053.0: Spotify has sent such numbers
        if isinstance(value, bool) or not isinstance(value, int):
            self.fault(key, f"expected a whole number, found {_kind(value)}", value)
            return None
        if not -INT32 <= value < INT32:
            self.fault(key, "a number too large to be true", value)
            return None
        return value

    def boolean(self, key: str) -> bool | None:
        value = self.value.get(key)
        if value is None or isinstance(value, bool):
            return value
        self.fault(key, f"expected true/false, found {_kind(value)}", value)
        return None

    def moment(self, key: str) -> datetime | None:
        """An ISO time as an aware UTC datetime, in whole milliseconds; a time without a zone is a fault."""
        value = self.text(key)
        if value is None:
            return None
        try:
            at = datetime.fromisoformat(value)
            if at.tzinfo is None:
                raise ValueError
            at = at.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fault(key, "not a time with a zone", value)
            return None
        return at.replace(microsecond=at.microsecond // 1000 * 1000)

    def child(self, key: str) -> "Reader | None":
        value = self.value.get(key)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fault(key, f"expected an object, found {_kind(value)}", value)
            return None
        return Reader(value, f"{self.position}/{key}", self.faults)

    def children(self, key: str) -> "list[Reader] | None":
        """The objects of a list, or None where the list is absent; what is no object is noted and left out."""
        value = self.value.get(key)
        if value is None:
            return None
        if not isinstance(value, list):
            self.fault(key, f"expected a list, found {_kind(value)}", value)
            return None
        return list(self._objects(key, value))

    def _objects(self, key: str, values: list[object]) -> "Iterator[Reader]":
        for index, value in enumerate(values):
            if isinstance(value, dict):
                yield Reader(value, f"{self.position}/{key}/{index}", self.faults)
            else:
                self.fault(f"{key}/{index}", f"expected an object, found {_kind(value)}", value)


def read_payload(payload: bytes) -> Reader:
    """The payload's top object. What isn't a JSON object gives an empty reader with one fault for the whole of it."""
    try:
        value = json.loads(payload)
    except (ValueError, RecursionError):
        return Reader({}, "", [Fault("", "not JSON", excerpt(payload[:EXCERPT].decode("latin-1")))])
    if not isinstance(value, dict):
        return Reader({}, "", [Fault("", f"expected an object, found {_kind(value)}", excerpt(value))])
    return Reader(value)
