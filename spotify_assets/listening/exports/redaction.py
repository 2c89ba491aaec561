"""Taking personal data out of an export's bytes: `ip_addr*`, `username` and `user_agent*`, and not a byte else.

It works on the text of the file, so that what lands is what Spotify sent but for those members: a parser would lose
the order, the spaces and whatever it doesn't know. In JSON a name can stand in quotes before a colon only as a key: the
quotes of a value are escaped. So a value that says "ip_addr" is never touched.
"""

import re

_SPACE = rb"[ \t\r\n]*"
# A string (or what a cut left of one), a number or a word; lists and objects are found by `_end_of_nested`.
_STRING = rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)'
_VALUE = rb"(?:" + _STRING + rb'|[^ \t\r\n,\]}"{\[:]+)'
_NAMES = (rb"ip_addr", rb"user_agent", rb"username")
_TAILS = (rb"[A-Za-z0-9_]*", rb"[A-Za-z0-9_]*", rb"")
_COLON = _SPACE + rb":" + _SPACE
_ESCAPED_LETTER = re.compile(rb"\\u00[3-7][0-9A-Fa-f]")


def _spelt(name: bytes) -> bytes:
    """The name with each letter as itself or as JSON's escape of it."""
    return b"".join(
        rb"(?:%c|\\u00%s)" % (letter, b"".join(b"[%c%c]" % (d, d ^ 32 if d > 57 else d) for d in b"%02x" % letter))
        for letter in name
    )


_ESCAPED_TAIL = rb"(?:[A-Za-z0-9_]|\\u00[3-7][0-9A-Fa-f])*"
# No key, but the end of one, is what an escaped quote begins. That is asked behind the letters, since what begins with
# plain letters is searched for fast.
_PLAIN_KEYS = [
    b'"' + name + rb'(?<!\\"' + name + rb")" + tail + b'"' + _COLON for name, tail in zip(_NAMES, _TAILS, strict=True)
]
_SPELT_KEYS = [
    rb'(?<!\\)"' + _spelt(name) + (_ESCAPED_TAIL if tail else b"") + b'"' + _COLON
    for name, tail in zip(_NAMES, _TAILS, strict=True)
]


def _followed(keys: list[bytes]) -> list[re.Pattern[bytes]]:
    """Each with its value and the comma behind it."""
    return [re.compile(key + _VALUE + _SPACE + rb"," + _SPACE, re.DOTALL) for key in keys]


_FOLLOWED = _followed(_PLAIN_KEYS)
_FOLLOWED_SPELT = _followed(_SPELT_KEYS)
_LEFT = re.compile(rb"(?:" + rb"|".join(_PLAIN_KEYS) + rb")", re.DOTALL)
_LEFT_SPELT = re.compile(rb"(?:" + rb"|".join(_SPELT_KEYS) + rb")", re.DOTALL)
_ONE_VALUE = re.compile(_VALUE, re.DOTALL)
_TOKEN = re.compile(_STRING + rb"|[{}\[\]]", re.DOTALL)
_COMMA_BEHIND = re.compile(_SPACE + rb"," + _SPACE)
_COMMA_BEFORE = re.compile(rb"," + _SPACE + rb"\Z")


def redact(payload: bytes) -> bytes:
    """The bytes without the members that hold personal data, commas included; valid JSON stays valid JSON."""
    followed, left = _FOLLOWED, _LEFT
    if _ESCAPED_LETTER.search(payload):
        followed, left = _FOLLOWED_SPELT, _LEFT_SPELT
    for pattern in followed:
        payload = pattern.sub(b"", payload)
    return _without_the_rest(payload, left)


def _without_the_rest(payload: bytes, key: re.Pattern[bytes]) -> bytes:
    """Those that come last in their object, or whose value is a list or an object: there are hardly any."""
    kept = bytearray()
    position = 0
    while found := key.search(payload, position):
        kept += payload[position : found.start()]
        position = _end_of_value(payload, found.end())
        behind = _COMMA_BEHIND.match(payload, position)
        if behind:
            position = behind.end()
        elif before := _COMMA_BEFORE.search(kept, max(0, len(kept) - 10_000)):
            del kept[before.start() :]
    return bytes(kept + payload[position:]) if position else payload


def _end_of_value(payload: bytes, start: int) -> int:
    if payload[start : start + 1] in (b"{", b"["):
        depth = 0
        for token in _TOKEN.finditer(payload, start):
            depth += {b"{": 1, b"[": 1, b"}": -1, b"]": -1}.get(token[0], 0)
            if depth == 0:
                return token.end()
        return len(payload)
    value = _ONE_VALUE.match(payload, start)
    return value.end() if value else start
