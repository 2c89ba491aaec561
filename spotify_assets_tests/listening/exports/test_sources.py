"""What people give: recognized, refused with a sentence, or left alone; zips within limits, whoever made them."""

import random
import struct
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from spotify_assets.listening.exports import zips
from spotify_assets.listening.exports.recognition import EXPECTED
from spotify_assets.listening.exports.sources import Found, Item, LeftAlone, Refused, given, read
from spotify_assets_tests.listening.exports.made_up import AUDIO, account_row, as_file, as_zip, old_row, put, row
from spotify_assets_tests.sizes import size

HISTORY = as_file([row()])
ACCOUNT = as_file([account_row()])


EXPIRED = "a.json is a web page, as a download that has expired gives; ask Spotify for the export again"


def items(*paths: Path) -> list[Item]:
    files, refused = given(paths)
    return [*refused, *read(files)]


def sentences(path: Path) -> list[str]:
    return [item.sentence.replace(f"{path.parent}/", "") for item in items(path) if isinstance(item, Refused)]


def names(path: Path) -> tuple[list[str], list[str]]:
    """(found, left alone)"""
    there = items(path)
    assert not [item for item in there if isinstance(item, Refused)]
    found = [item.name for item in there if isinstance(item, Found)]
    return found, [item.name for item in there if isinstance(item, LeftAlone)]


def test_a_zip_its_folder_and_its_files_give_the_same(tmp_path: Path) -> None:
    files = {AUDIO: HISTORY, "Streaming_History_Video_2023.json": as_file([row(1)]), "ReadMeFirst.pdf": b"%PDF-1.4"}
    (tmp_path / "my_data.zip").write_bytes(as_zip(files))
    folder = put(tmp_path / "unpacked", {f"Spotify Extended/{name}": body for name, body in files.items()})
    as_given = [items(tmp_path / "my_data.zip"), items(folder), items(*sorted(folder.rglob("*.json")))]
    payloads = [[item.payload for item in there if isinstance(item, Found)] for there in as_given]
    assert payloads[0] == payloads[1] == payloads[2]
    assert len(payloads[0]) == 2
    assert [[item.name for item in there if isinstance(item, LeftAlone)] for there in as_given] == [
        ["ReadMeFirst.pdf"],
        ["ReadMeFirst.pdf"],
        [],
    ]


def test_every_generation_and_name_is_recognized_by_what_is_in_it(tmp_path: Path) -> None:
    put(
        tmp_path,
        {
            "endsong_0.json": as_file([old_row()]),
            "endvideo.json": as_file([old_row(1)]),
            "Streaming_History_Audio_2013-2020_0.json": b"\xef\xbb\xbf" + HISTORY,
            "StreamingHistory_music_0.json": ACCOUNT,
            "StreamingHistory_podcast_0.json": b"[]",
            "StreamingHistory.json": ACCOUNT,
            "renamed by me.json": HISTORY,
            "cut.json": HISTORY[:400],
        },
    )
    kinds = {item.name: item.kind for item in items(tmp_path) if isinstance(item, Found)}
    assert kinds == {
        "endsong_0.json": "extended",
        "endvideo.json": "extended",
        "Streaming_History_Audio_2013-2020_0.json": "extended",
        "StreamingHistory_music_0.json": "account_data",
        "StreamingHistory_podcast_0.json": "account_data",
        "StreamingHistory.json": "account_data",
        "renamed by me.json": "extended",
        "cut.json": "extended",
    }


def test_account_data_brings_much_along_that_is_left_alone(tmp_path: Path) -> None:
    files = {
        "StreamingHistory_music_0.json": ACCOUNT,
        "Userdata.json": b'{"username": "u", "email": "e"}',
        "Playlist1.json": b'{"playlists": []}',
        "SearchQueries.json": b'[{"searchQuery": "q"}]',
        "Read_Me_First.pdf": b"%PDF",
        ".DS_Store": b"x",
    }
    archive = tmp_path / "data.zip"
    archive.write_bytes(as_zip({**files, "__MACOSX/._StreamingHistory_music_0.json": b"\x00\x05"}, "MyData/"))
    assert names(archive) == (
        ["StreamingHistory_music_0.json"],
        ["Userdata.json", "Playlist1.json", "SearchQueries.json", "Read_Me_First.pdf", ".DS_Store",
         "._StreamingHistory_music_0.json"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "body", "said"),
    [
        ("a.json", b"", "a.json is empty"),
        ("a.json", b" \n", "a.json is empty"),
        ("a.pdf", b"%PDF-1.7", "a.pdf is a PDF"),
        ("a.json", b"<!DOCTYPE html>", EXPIRED),
        ("a.csv", b"ts,ms_played", "a.csv is no JSON"),
        ("a.json", b"\xff\xfe[\x00", "a.json is a text in UTF-16, which Spotify does not write; save it as UTF-8"),
        ("Userdata.json", b'{"email": "e"}', "Userdata.json is the profile from Spotify's account data"),
        ("Playlist1.json", b'{"playlists": []}', "Playlist1.json is the playlists from Spotify's account data"),
        ("YourLibrary.json", b'{"shows": []}', "YourLibrary.json is the library from Spotify's account data"),
        ("watch-history.json", b'[{"titleUrl": "u"}]', "watch-history.json is a YouTube history from Google"),
        ("a.json", b'{"items": [{"played_at": "x"}]}', "a.json is an answer of Spotify's Web API"),
        ("a.json", b'{"ts": 1, "ms_played": 2}', "a.json is JSON of another kind"),
        ("a.json", b"[1]", "a.json is a list of something else"),
        ("a.json", b"[]", "a.json is a list of something else"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_told_what_it_is_and_what_was_expected(
    tmp_path: Path, name: str, body: bytes, said: str
) -> None:
    put(tmp_path, {name: body})
    assert sentences(tmp_path / name) == [f"{said}: {EXPECTED}."]


def test_what_does_not_exist_or_is_no_zip_any_more_is_told(tmp_path: Path) -> None:
    assert sentences(tmp_path / "missing.zip") == [f"missing.zip does not exist: {EXPECTED}."]
    whole = as_zip({AUDIO: HISTORY})
    for number, body in enumerate((whole[:-30], whole[:60], b"PK\x03\x04", whole[:-4] + b"\xff\xff\xff\xff")):
        path = put(tmp_path, {f"{number}.zip": body}) / f"{number}.zip"
        assert sentences(path) == [f"{number}.zip is cut or damaged: download it again."]
    path = put(tmp_path, {"photos.zip": as_zip({"a.jpg": b"x", "b.json": b"{}"}, "")}) / "photos.zip"
    assert sentences(path) == [f"photos.zip holds no listening history, only a.jpg, b.json: {EXPECTED}."]
    path = put(tmp_path, {"empty.zip": as_zip({}, "")}) / "empty.zip"
    assert sentences(path) == [f"empty.zip holds no listening history, nothing: {EXPECTED}."]


def test_a_history_that_is_broken_is_refused_also_in_a_zip_and_the_good_one_loads(tmp_path: Path) -> None:
    path = put(tmp_path, {"a.zip": as_zip({AUDIO: b"", "endsong_0.json": HISTORY}, "")}) / "a.zip"
    assert sentences(path) == [f"a.zip: {AUDIO} is empty: {EXPECTED}."]
    assert [item.name for item in items(path) if isinstance(item, Found)] == ["endsong_0.json"]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../../etc/Streaming_History.json", "has a name that climbs out of its folder, as only a forged zip has"),
        ("a\\..\\b.json", "has a name that climbs out of its folder, as only a forged zip has"),
        ("/etc/endsong_0.json", "has the name of a place on a disk, as only a forged zip has"),
        ("C:\\endsong_0.json", "has the name of a place on a disk, as only a forged zip has"),
        ("endsong_0.json\x00.pdf", "has a name with a NUL in it, as only a forged zip has"),
        ("inner.zip", "is a zip inside a zip: unpack the outer one, and import the folder"),
    ],
)
def test_a_forged_name_in_a_zip_is_refused_and_the_good_file_loads(tmp_path: Path, name: str, why: str) -> None:
    placeholder = "N" * len(name)
    packed = as_zip({placeholder: HISTORY, AUDIO: HISTORY}, "").replace(placeholder.encode(), name.encode())
    path = put(tmp_path, {"a.zip": packed}) / "a.zip"
    [refused] = sentences(path)
    assert refused.endswith(f" {why}.")
    assert [item.name for item in items(path) if isinstance(item, Found)] == [AUDIO]


def test_an_encrypted_file_is_refused(tmp_path: Path) -> None:
    packed = bytearray(as_zip({AUDIO: HISTORY}, ""))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = packed.index(signature) + offset
        packed[at : at + 2] = struct.pack("<H", 1)
    path = put(tmp_path, {"a.zip": bytes(packed)}) / "a.zip"
    assert sentences(path) == [f"a.zip: {AUDIO} is encrypted: unpack the zip with its password, and import the folder."]


def test_a_file_that_is_damaged_inside_the_zip_is_refused(tmp_path: Path) -> None:
    packed = bytearray(as_zip({AUDIO: HISTORY, "endsong_0.json": HISTORY}, ""))
    packed[80:90] = bytes(10)
    path = put(tmp_path, {"a.zip": bytes(packed)}) / "a.zip"
    [refused] = sentences(path)
    assert refused.startswith(f"a.zip: {AUDIO} is damaged inside the zip (")
    assert [item.name for item in items(path) if isinstance(item, Found)] == ["endsong_0.json"]


def test_bytes_are_counted_as_they_come_whatever_the_headers_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zips, "LARGEST", 2**20)
    bomb = b"[" + b" " * 2**22 + HISTORY[1:]
    packed = bytearray(as_zip({"endsong_0.json": bomb, AUDIO: HISTORY}, ""))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = packed.index(signature) + offset
        packed[at : at + 4] = struct.pack("<L", 1000)
    path = put(tmp_path, {"a.zip": bytes(packed)}) / "a.zip"
    [refused] = sentences(path)
    assert refused.startswith("a.zip: endsong_0.json is ")
    honest = put(tmp_path, {"b.zip": as_zip({"endsong_0.json": bomb, AUDIO: HISTORY}, "")}) / "b.zip"
    assert sentences(honest) == ["b.zip: endsong_0.json is larger than 1 MB, as no file of an export is."]
    assert [item.name for item in items(honest) if isinstance(item, Found)] == [AUDIO]


def test_too_many_files_or_too_many_bytes_end_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = put(tmp_path, {"a.zip": as_zip({f"{number}.txt": b"" for number in range(30)}, "")}) / "a.zip"
    monkeypatch.setattr(zips, "MOST_MEMBERS", 20)
    assert sentences(many) == ["a.zip holds 30 files, more than the 20 that are read."]
    monkeypatch.setattr(zips, "_LARGEST_DIRECTORY", 500)
    assert sentences(many) == ["a.zip holds more than the 20 files that are read."]
    monkeypatch.undo()
    monkeypatch.setattr(zips, "LARGEST_SUM", 1500)
    files = {"endsong_0.json": HISTORY, "endsong_1.json": HISTORY, "endsong_2.json": HISTORY}
    large = put(tmp_path, {"b.zip": as_zip(files, "")}) / "b.zip"
    assert sentences(large) == ["b.zip holds more than 0 GB, as no export does."]


def test_a_huge_directory_in_zip64_is_refused_before_it_is_read(tmp_path: Path) -> None:
    end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 10**7, 10**7, 10**9, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 4, 1)
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    path = put(tmp_path, {"a.zip": b"PK\x03\x04" + end + locator + tail}) / "a.zip"
    assert sentences(path) == [f"a.zip holds more than the {zips.MOST_MEMBERS} files that are read."]


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    outside = put(tmp_path / "outside", {AUDIO: HISTORY})
    folder = put(tmp_path / "folder", {"endsong_0.json": HISTORY})
    (folder / "linked").symlink_to(outside)
    (folder / "endsong_1.json").symlink_to(outside / AUDIO)
    assert names(folder) == (["endsong_0.json"], [])


def test_a_zip64_as_programs_write_that_do_not_know_the_size_is_read(tmp_path: Path) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive, archive.open(AUDIO, "w", force_zip64=True) as member:
        member.write(HISTORY)
    path = put(tmp_path, {"a.zip": packed.getvalue()}) / "a.zip"
    assert names(path) == ([AUDIO], [])


def test_any_damage_to_a_zip_ends_in_a_sentence(tmp_path: Path) -> None:
    draw = random.Random(20230406)  # noqa: S311
    packed = as_zip({AUDIO: HISTORY, "endsong_0.json": HISTORY})
    path = tmp_path / "a.zip"
    for _ in range(size(200, 20_000)):
        damaged = bytearray(packed)
        for _ in range(draw.randint(1, 3)):
            at = draw.choice([draw.randrange(len(damaged)), draw.randrange(len(damaged) - 160, len(damaged))])
            damaged[at : at + draw.randint(0, 4)] = draw.randbytes(draw.randint(0, 4))
        path.write_bytes(damaged)
        assert all(isinstance(item, Found | Refused | LeftAlone) for item in items(path))
