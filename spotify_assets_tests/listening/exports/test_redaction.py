"""Personal data never lands, and every other byte does."""

import json
import re
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotify_assets.listening.exports.redaction import redact
from spotify_assets_tests.sizes import size

PERSONAL = re.compile(r"ip_addr\w*|user_agent\w*|username", re.ASCII)
NAMES = st.sampled_from(
    ["ip_addr", "ip_addr_decrypted", "username", "user_agent_decrypted", "user_agent", "ts", "usernames", "platform"]
)
TEXTS = st.one_of(
    NAMES,
    st.text(max_size=12),
    st.sampled_from(
        ['"ip_addr": "1"', '\\"username": 1', ', "username": 2, ', "a\\", '{"ip_addr": 1}', '","username":"x"']
    ),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), TEXTS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(st.one_of(NAMES, TEXTS), VALUES, max_size=8), max_size=4)


def without(value: object) -> object:
    """What a parser would leave."""
    if isinstance(value, dict):
        return {key: without(inner) for key, inner in value.items() if not PERSONAL.fullmatch(key)}
    return [without(inner) for inner in value] if isinstance(value, list) else value


def is_part(kept: bytes, original: bytes) -> bool:
    """Whether the bytes are those of the original in their order, some left out."""
    rest = iter(original)
    return all(byte in rest for byte in kept)


@settings(max_examples=size(400, 20_000), deadline=None)
@given(ROWS, st.sampled_from([None, 2]), st.booleans(), st.sampled_from([(",", ":"), (" , ", " : "), (", ", ": ")]))
def test_what_is_left_is_what_a_parser_would_leave(
    rows: object, indent: int | None, is_ascii: bool, separators: tuple[str, str]
) -> None:
    payload = json.dumps(rows, indent=indent, ensure_ascii=is_ascii, separators=separators).encode(
        errors="surrogatepass"
    )
    redacted = redact(payload)
    assert json.loads(redacted.decode(errors="surrogatepass")) == without(rows)
    assert is_part(redacted, payload)


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ('{"ip_addr": "1", "ts": 2}', '{"ts": 2}'),
        ('{"ts": 2, "ip_addr": "1", "a": 3}', '{"ts": 2, "a": 3}'),
        ('{"ts": 2, "username": "1"}', '{"ts": 2}'),
        ('{"ts": 2, "username": null, "ip_addr_decrypted": "x", "user_agent_decrypted": ""}', '{"ts": 2}'),
        ('{"username": 1}', "{}"),
        ('{"ts": "username", "a": "ip_addr"}', '{"ts": "username", "a": "ip_addr"}'),
        ('{"a": "x, \\"username\\": 1", "username": "q\\"}"}', '{"a": "x, \\"username\\": 1"}'),
        ('{"ip\\u005faddr": "1", "a": 1}', '{"a": 1}'),
        ('{"username": {"a": ["}", {"b": 1}]}, "c": [1]}', '{"c": [1]}'),
        ('[{"ts": 1, "ip_addr": "198.51', '[{"ts": 1'),
        ('[{"ts": 1, "ip_addr": ["198.51", {"a', '[{"ts": 1'),
        ('[{"ts": 1, "ip_addr":', '[{"ts": 1'),
        ('[{"ts": 1, "username": "a\\', '[{"ts": 1'),
    ],
)
def test_members_go_with_their_comma(given_: str, kept: str) -> None:
    assert redact(given_.encode()).decode() == kept


@settings(max_examples=size(100, 5_000), deadline=None)
@given(ROWS, st.data())
def test_a_cut_file_keeps_no_personal_value_either(rows: list[dict[str, object]], data: st.DataObject) -> None:
    told = [{**row, "username": "canary", "z": 1, "ip_addr": "canary"} for row in rows]
    payload = json.dumps(told).encode()
    cut = payload[: data.draw(st.integers(0, len(payload)))]
    assert b"canary" not in redact(cut)


def test_the_real_exports_lose_nothing_else(real_data: Path) -> None:
    for path in sorted((real_data / "exports").glob("*.zip")):
        with ZipFile(path) as archive:
            for name in archive.namelist()[-1:]:
                body = archive.read(name)
                assert json.loads(redact(body)) == without(json.loads(body)), name
