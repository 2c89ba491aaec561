"""Rows of exports become lines for COPY; one that is odd, broken or cut costs only itself."""

import json
import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spotify_assets.listening.exports.recognition import Kind
from spotify_assets.listening.exports.rows import COLUMNS, FileRows
from spotify_assets_tests.listening.exports.made_up import account_row, as_file, old_row, row
from spotify_assets_tests.sizes import size

NAMES = ["user_id", "file_hash", "file_row", *COLUMNS]
UNESCAPED = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}


def read(payload: bytes, kind: Kind = "extended") -> FileRows:
    """Read to the end."""
    found, _ = lines(payload, kind)
    return found


def lines(payload: bytes, kind: Kind = "extended") -> tuple[FileRows, list[dict[str, str]]]:
    found = FileRows(payload, kind, "alex", "0123456789ab")
    text = b"".join(found.blocks()).decode()
    return found, [dict(zip(NAMES, _cells(line), strict=True)) for line in text.split("\n")[:-1]]


def _cells(line: str) -> list[str]:
    return ["".join(UNESCAPED.get(piece, piece) for piece in _pieces(cell)) for cell in line.split("\t")]


def _pieces(cell: str) -> list[str]:
    pieces = []
    while cell:
        take = 2 if cell[0] == "\\" else 1
        pieces.append(cell[:take])
        cell = cell[take:]
    return pieces


def positions(found: FileRows) -> list[str]:
    return [fault.position for fault in found.faults]


def test_a_row_of_each_generation_stands_there_as_it_was() -> None:
    first, second = row(0, skipped=None), old_row(1, offline_timestamp=0)
    found, (new, old) = lines(as_file([first, second]))
    assert (new["ts"], new["ms_played"], new["track_uri"]) == (
        "2023-04-05T06:07:08Z",
        "100000",
        f"spotify:track:{0:022}",
    )
    assert (new["skipped"], new["shuffle"], new["offline_timestamp"]) == ("", "False", "1680000000")
    assert (old["file_row"], old["offline_timestamp"], old["audiobook_uri"]) == ("2", "", "")
    assert (found.rows_read, found.rows_kept, found.faults) == (2, 2, [])
    assert (found.first, found.last, found.days) == ("2023-04-05T06:07:08Z", "2023-04-05T06:08:08Z", {"2023-04-05"})


def test_account_data_has_a_minute_two_names_and_a_duration() -> None:
    podcast = {"endTime": "2023-04-05 06:09", "podcastName": "Show", "episodeName": "Episode", "msPlayed": 5}
    found, (music, talk) = lines(as_file([account_row(0), podcast]), "account_data")
    assert (music["ts"], music["track_name"], music["album_artist_name"]) == (
        "2023-04-05T06:07:00Z",
        "Song 0",
        "Artist",
    )
    assert (talk["ts"], talk["episode_name"], talk["episode_show_name"]) == ("2023-04-05T06:09:00Z", "Episode", "Show")
    assert (found.rows_kept, found.tracks) == (2, {})


def test_the_newest_stream_names_a_track() -> None:
    uri = row(0)["spotify_track_uri"]
    names = [("B", 3), ("Old", 1), ("A", 3), ("", 9)]
    found = read(as_file([row(at, spotify_track_uri=uri, master_metadata_track_name=name) for name, at in names]))
    assert found.tracks == {uri: ("2023-04-05T06:10:08Z", "B", "Artist", "Album")}


def test_empty_texts_are_nothing_and_numbers_may_stand_for_true_and_false() -> None:
    odd = row(offline="", incognito_mode="", offline_timestamp="", shuffle=1, skipped=0, reason_end="")
    found, (line,) = lines(as_file([odd]))
    assert [line[name] for name in ("offline", "incognito_mode", "offline_timestamp", "reason_end")] == [""] * 4
    assert (line["shuffle"], line["skipped"], found.faults) == ("True", "False", [])


def test_titles_may_hold_what_means_something_to_copy() -> None:
    title = 'tab\t newline\n return\r slash\\ \\N \\t quote" \u2028 \U0001f3b5'
    found, (plain, odd) = lines(as_file([row(0), row(1, master_metadata_track_name=title)]))
    assert (plain["track_name"], odd["track_name"], found.faults) == ("Song 0", title, [])


@pytest.mark.parametrize(
    ("changed", "position", "reason"),
    [
        ({"ts": None}, "/1", "no stream, for it does not say when it ended"),
        ({"ts": "yesterday"}, "/1", "no stream, for it does not say when it ended"),
        ({"ts": "2023-02-30T00:00:00Z"}, "/1", "no stream, for it does not say when it ended"),
        ({"ts": 1680000000}, "/1", "no stream, for it does not say when it ended"),
        ({"ms_played": -1}, "/1", "no stream, for it does not say how long it was played"),
        ({"ms_played": 2**31}, "/1", "no stream, for it does not say how long it was played"),
        ({"ms_played": "12"}, "/1", "no stream, for it does not say how long it was played"),
        ({"ms_played": True}, "/1", "no stream, for it does not say how long it was played"),
        ({"skipped": "yes"}, "/1/skipped", "expected true/false, found text"),
        ({"shuffle": 2}, "/1/shuffle", "expected true/false, found a whole number"),
        ({"platform": 7}, "/1/platform", "expected text, found a whole number"),
        ({"platform": []}, "/1/platform", "expected text, found a list"),
        (
            {"episode_name": "a\x00b"},
            "/1/episode_name",
            "text that Postgres can't hold (a NUL or half a surrogate pair)",
        ),
        ({"offline_timestamp": 2**63}, "/1/offline_timestamp", "a number too large to be true"),
    ],
)
def test_what_cannot_be_taken_is_one_fault(changed: dict[str, object], position: str, reason: str) -> None:
    found, kept = lines(as_file([row(0), row(1, **changed), row(2)]))
    assert [(fault.position, fault.reason) for fault in found.faults] == [(position, reason)]
    assert [line["file_row"] for line in kept] == (["1", "3"] if position == "/1" else ["1", "2", "3"])


def test_half_a_surrogate_pair_and_bytes_that_are_no_utf_8_lose_their_field() -> None:
    body = as_file([row(0), row(1)]).replace(b'"Song 0"', b'"\\ud83d"').replace(b'"Song 1"', b'"\xff\xfe"')
    found, kept = lines(body)
    assert positions(found) == ["/0/master_metadata_track_name", "/1/master_metadata_track_name"]
    assert [line["track_name"] for line in kept] == ["", ""]


def test_times_of_other_forms_are_taken_where_they_have_a_zone() -> None:
    found, (line,) = lines(as_file([row(ts="2023-04-05T08:07:08.900+02:00")]))
    assert (line["ts"], found.faults) == ("2023-04-05T06:07:08Z", [])


def test_a_cut_costs_the_row_in_which_it_is() -> None:
    body = as_file([row(number) for number in range(3)])
    found, kept = lines(body[: body.rindex(b'"ms_played"')])
    assert ([line["file_row"] for line in kept], positions(found), found.rows_read) == (["1", "2"], ["/2"], 3)
    found, kept = lines(body.rstrip(b"]\n"))
    assert (len(kept), positions(found), found.rows_read) == (3, ["/3"], 4)


def test_a_damaged_row_in_the_middle_costs_only_itself() -> None:
    body = as_file([row(number, platform=f"p{number} }},{{ ") for number in range(4)]).replace(
        b'"platform": "p1', b'"p1'
    )
    found, kept = lines(body)
    assert ([line["file_row"] for line in kept], positions(found), found.rows_read) == (["1", "3", "4"], ["/1"], 4)


@pytest.mark.parametrize(
    ("body", "read_", "kept"),
    [
        (b"[]", 0, 0),
        (b"\xef\xbb\xbf [ ] \n", 0, 0),
        (b"[1, null, []]", 3, 0),
        (b"[{}]", 1, 0),
        (b"[{},]", 1, 0),
        (b"[", 1, 0),
        (b"[]x", 1, 0),
        (b"{}", 1, 0),
        (b"", 1, 0),
        (b"[" + b"[" * 100_000, 1, 0),
        (b'[{"ts": ' + b"9" * 5_000 + b"}]", 1, 0),
        (b"\xef\xbb\xbf" + as_file([row()]), 1, 1),
    ],
)
def test_every_row_is_a_stream_or_a_fault(body: bytes, read_: int, kept: int) -> None:
    found, good = lines(body)
    assert (found.rows_read, len(good)) == (read_, kept)
    assert len(found.faults) == read_ - kept


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**64), 2**64), st.floats(), st.text(max_size=6), st.just([]), st.just({})
)


@settings(max_examples=size(150, 10_000), deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(sorted(row())), ODD, max_size=4), max_size=6), st.booleans())
def test_rows_with_any_values_are_kept_or_told(changes: Sequence[dict[str, object]], is_old: bool) -> None:
    """Fast and careful reading agree: a row beside an odd one is read as it would be alone."""
    make = old_row if is_old else row
    rows = [make(number, **changed) for number, changed in enumerate(changes)]
    found, kept = lines(as_file(rows) if not _has_surrogates(rows) else json.dumps(rows).encode())
    whole = [position for position in positions(found) if position.count("/") == 1]
    assert found.rows_read == len(rows) == len(kept) + len(whole)
    for line in kept:
        alone, (same,) = lines(json.dumps([rows[int(line["file_row"]) - 1], {}]).encode())
        assert {**same, "file_row": ""} == {**line, "file_row": ""}
        assert alone.days <= found.days


def _has_surrogates(rows: object) -> bool:
    try:
        json.dumps(rows, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def test_any_damage_leaves_the_count_of_rows_whole() -> None:
    """Bytes changed, cut out or put in anywhere: what is read is a stream or a fault, and nothing is raised."""
    draw = random.Random(20230405)  # noqa: S311
    body = as_file([row(number) for number in range(5)])
    for _ in range(size(300, 20_000)):
        damaged = bytearray(body)
        for _ in range(draw.randint(1, 4)):
            at = draw.randrange(len(damaged))
            damaged[at : at + draw.randint(0, 3)] = draw.choice(
                [b"", b'"', b"}", b"{", b"\xff", b"\\", b",", b"]", b"\x00"]
            )
        found, kept = lines(bytes(damaged))
        whole = [position for position in positions(found) if position.count("/") == 1]
        assert found.rows_read == len(kept) + len(whole)
        assert found.rows_kept == len(kept)
