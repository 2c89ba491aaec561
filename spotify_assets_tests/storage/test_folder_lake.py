"""A folder lake that is broken says so, and never pretends to be empty."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from spotify_assets.errors import LakeUnavailable
from spotify_assets.settings import Settings
from spotify_assets.storage.lake import Lake, open_lake

KEY = "tracks/date=2026-11-21/000000Z-x.gz"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "home" / "lake"


@pytest.fixture
def used(root: Path) -> Lake:
    lake = open_lake(Settings(SPOTIFY_ASSETS_HOME=root.parent))
    lake.put(KEY, b"payload")
    return lake


def every_use(lake: Lake) -> list[Callable[[], object]]:
    return [
        lambda: lake.put("tracks/another.gz", b"x"),
        lambda: lake.put(KEY, b"payload"),
        lambda: lake.get(KEY),
        lambda: list(lake.list("")),
        lambda: list(lake.get_many([KEY])),
        lambda: lake.delete_folder("tracks/"),
    ]


def assert_unavailable(root: Path) -> None:
    for use in every_use(open_lake(Settings(SPOTIFY_ASSETS_HOME=root.parent))):
        with pytest.raises(LakeUnavailable, match=str(root)) as caught:
            use()
        assert "\n" not in str(caught.value)


def test_opening_touches_nothing_and_the_first_use_creates_the_folder(root: Path) -> None:
    lake = open_lake(Settings(SPOTIFY_ASSETS_HOME=root.parent))
    assert not root.exists()

    assert list(lake.list("")) == []
    assert root.is_dir()


def test_a_folder_that_is_gone_is_never_begun_anew(used: Lake, root: Path) -> None:
    shutil.rmtree(root)

    assert_unavailable(root)
    for use in every_use(used):
        with pytest.raises(LakeUnavailable):
            use()
    assert not root.exists()


def test_an_empty_mount_point_is_not_taken_for_the_lake(used: Lake, root: Path) -> None:
    root.rename(root.with_name("unmounted"))
    root.mkdir()

    assert_unavailable(root)
    assert list(root.iterdir()) == []


def test_a_file_in_the_folder_s_place_is_a_sentence(used: Lake, root: Path) -> None:
    shutil.rmtree(root)
    root.write_text("a file")

    assert_unavailable(root)


def test_a_folder_put_back_works_at_once_and_one_begun_anew_on_purpose_too(used: Lake, root: Path) -> None:
    root.rename(root.with_name("aside"))
    assert_unavailable(root)
    root.with_name("aside").rename(root)
    assert used.get(KEY) == b"payload"

    shutil.rmtree(root)
    for note in (root.parent / "lakes").iterdir():
        note.unlink()
    assert list(used.list("")) == []


def test_a_lake_of_another_machine_is_taken_as_it_is(used: Lake, root: Path, tmp_path: Path) -> None:
    other = open_lake(Settings(SPOTIFY_ASSETS_HOME=tmp_path / "other", lake_url=f"file://{root}"))

    assert other.get(KEY) == b"payload"


def test_a_writer_killed_before_its_object_appears_leaves_nothing_that_is_listed(used: Lake, root: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from spotify_assets.storage.folder_lake import FolderLake
os.link = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
FolderLake(Path(sys.argv[1]), Path(sys.argv[2])).put("tracks/killed.gz", b"payload")
"""
    done = subprocess.run([sys.executable, "-c", code, root, root.parent], check=False)

    assert done.returncode == -signal.SIGKILL
    assert len(list((root / ".unfinished").iterdir())) == 1
    assert list(used.list("")) == [KEY]
    assert used.put("tracks/killed.gz", b"payload") is True


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0:
        pytest.skip("needs root, to mount a small disk")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=False).returncode != 0:
        pytest.skip("this machine does not let root mount a tmpfs")
    yield disk
    subprocess.run(["umount", disk], check=True)


def test_a_full_disk_is_a_sentence_and_leaves_whole_objects_only(small_disk: Path, tmp_path: Path) -> None:
    lake = open_lake(Settings(SPOTIFY_ASSETS_HOME=tmp_path / "home", lake_url=str(small_disk / "lake")))
    lake.put("small.gz", b"small")
    large = os.urandom(200_000)

    with pytest.raises(LakeUnavailable, match="No space left on device"):
        lake.put("large.gz", large)
    assert list(lake.list("")) == ["small.gz"]
    assert list((small_disk / "lake/.unfinished").iterdir()) == []
    subprocess.run(["mount", "-o", "remount,size=1m", small_disk], check=True)
    assert lake.put("large.gz", large) is True
    assert lake.get("large.gz") == large


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """Takes away the right to write; root, who may write anywhere, gets a read-only mount."""
    if os.geteuid() != 0:
        folder.chmod(0o500)
        yield
        folder.chmod(0o700)
        return
    if subprocess.run(["mount", "--bind", folder, folder], check=False).returncode != 0:
        pytest.skip("this machine does not let root mount a folder")
    subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
    yield
    subprocess.run(["umount", folder], check=True)


def test_a_folder_that_may_not_be_written_is_a_sentence(used: Lake, root: Path) -> None:
    with (
        unwritable(root / ".unfinished"),
        pytest.raises(LakeUnavailable, match=r"Permission denied|Read-only file system"),
    ):
        used.put("tracks/another.gz", b"x")
    assert used.put("tracks/another.gz", b"x")


def test_many_threads_may_begin_a_lake_at_once(tmp_path: Path) -> None:
    for number in range(20):
        begun = open_lake(Settings(SPOTIFY_ASSETS_HOME=tmp_path / str(number)))
        with ThreadPoolExecutor(16) as pool:
            assert all(pool.map(lambda each: begun.put(f"tracks/{each}.gz", b"payload"), range(16)))  # noqa: B023
