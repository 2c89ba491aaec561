"""The lake: immutable payloads under keys that say what, whose, when and which bytes. This module holds what every lake
shares; folder_lake.py and s3_lake.py hold the two kinds.

A payload is stored gzip-compressed with time stamp 0, so that the same bytes always make the same object.
"""

import gzip
import hashlib
import io
import re
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from spotify_assets.errors import UserError
from spotify_assets.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_READERS = 16
_SEGMENT = re.compile(r"[A-Za-z0-9_=+-][A-Za-z0-9_=+.-]*")
_KEY = re.compile(
    r"(?P<dataset>[a-z0-9_]+)/(?:user=(?P<user_id>[a-z0-9][a-z0-9_-]{0,31})/)?date=(?P<date>\d{4}-\d\d-\d\d)/"
    r"(?P<time>\d{6})Z-(?P<digest>[0-9a-f]{12})\.json\.gz"
)


class LakeCorrupt(UserError):
    """An object of the lake is not what was written there."""


class Lake(Protocol):
    """Objects by key. Raises `LakeUnavailable`, and `KeyError`, `ValueError` (no key) and `LakeCorrupt` as said."""

    def put(self, key: str, body: bytes) -> bool:
        """Stores the payload `body` (uncompressed) unless the key exists; returns whether it did.

        Create-only, whole or absent, and durable when it returns. Safe from several writers at once.
        """

    def get(self, key: str) -> bytes:
        """The payload, uncompressed. Raises `KeyError` for a missing key, `LakeCorrupt` for damaged content."""

    def stored(self, key: str) -> bytes:
        """The object as it lies there, compressed, damaged or not. Raises `KeyError` for a missing key."""

    def get_many(self, keys: Sequence[str]) -> "Iterator[tuple[str, bytes | LakeCorrupt]]":
        """(key, payload) in the order of `keys`, read concurrently; only a few payloads are held at a time.

        In place of the payload of a damaged object comes what `get` would raise; the others are read all the same.
        """

    def list(self, prefix: str) -> Iterator[str]:
        """The keys that begin with `prefix`, sorted by code point."""

    def folders(self, prefix: str) -> Iterator[str]:
        """The folders right below `prefix` (the lake itself if empty), sorted, without listing what is in them.

        All end with a slash.
        """

    def delete(self, key: str) -> None:
        """Removes an object; a missing one is no error. Only for what a probe wrote."""

    def delete_folder(self, prefix: str) -> int:
        """Removes everything below a folder (`prefix` ends with a slash), foreign files included; returns how many.

        A missing folder is no error, and what was begun and not ended is ended by doing it again. Only erasing a
        listener may call this.
        """


@dataclass(frozen=True)
class LakeKey:
    """What a key says."""

    dataset: str
    user_id: str | None
    date: date
    fetched_at: datetime
    """UTC, in whole seconds."""
    digest: str
    """The first 12 hexadecimal digits of the payload's SHA-256."""


def lake_key(dataset: str, payload: bytes, fetched_at: datetime, user_id: str | None) -> str:
    """The key of a payload (uncompressed) that was fetched at an aware time, for one listener or for nobody."""
    if fetched_at.tzinfo is None:
        raise ValueError("a fetch time needs a time zone")
    at = fetched_at.astimezone(UTC)
    user = f"user={user_id}/" if user_id is not None else ""
    key = f"{dataset}/{user}date={at:%Y-%m-%d}/{at:%H%M%S}Z-{_digest(payload)}.json.gz"
    parse_key(key)
    return key


def parse_key(key: str) -> LakeKey:
    """What a key says. Raises `ValueError` for anything that `lake_key` would not write."""
    found = _KEY.fullmatch(key)
    if found is None:
        raise ValueError(f"{key!r} is no key of the lake")
    at = datetime.strptime(found["date"] + found["time"], "%Y-%m-%d%H%M%S").replace(tzinfo=UTC)
    return LakeKey(found["dataset"], found["user_id"], at.date(), at, found["digest"])


def is_key(name: str) -> bool:
    """Whether an object is one of ours: people and S3 consoles leave other things in a lake."""
    return _KEY.fullmatch(name) is not None


def encode(payload: bytes) -> bytes:
    """The stored form of a payload: gzip without time stamp, name or system, so equal payloads give equal bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=buffer, mtime=0) as file:
        file.write(payload)
    return buffer.getvalue()


def decode(key: str, stored: bytes) -> bytes:
    """The payload of what is stored under a key. Raises `LakeCorrupt` where it is cut, damaged or another one."""
    try:
        payload = gzip.decompress(stored)
    except (EOFError, OSError, zlib.error) as error:
        raise LakeCorrupt(f"The lake's object {key} is damaged ({error}); restore it from a backup.") from error
    named = _KEY.fullmatch(key)
    if named is not None and named["digest"] != _digest(payload):
        raise LakeCorrupt(f"The lake's object {key} holds other bytes than were landed; restore it from a backup.")
    return payload


def check_key(key: str) -> str:
    """Returns a key that stays inside the lake, hidden files excluded. Raises `ValueError` for any other."""
    if not all(_SEGMENT.fullmatch(segment) for segment in key.split("/")):
        raise ValueError(f"{key!r} can't be a key of the lake")
    return key


def check_folder(prefix: str) -> str:
    """Returns a folder that lies inside the lake, with its slash. Raises `ValueError` for any other."""
    if not prefix.endswith("/"):
        raise ValueError(f"{prefix!r} is no folder: it should end with a slash")
    return check_key(prefix[:-1]) + "/"


def read_concurrently(get: Callable[[str], bytes], keys: Sequence[str]) -> Iterator[tuple[str, bytes | LakeCorrupt]]:
    """(key, payload) in the order of `keys`, with a bounded number of reads under way and payloads waiting."""

    def read(key: str) -> bytes | LakeCorrupt:
        try:
            return get(key)
        except LakeCorrupt as damaged:
            return damaged

    under_way: deque[tuple[str, Future[bytes | LakeCorrupt]]] = deque()
    pool = ThreadPoolExecutor(_READERS, thread_name_prefix="lake")
    try:
        for key in keys:
            under_way.append((key, pool.submit(read, key)))
            if len(under_way) >= 2 * _READERS:
                first, future = under_way.popleft()
                yield first, future.result()
        for key, future in under_way:
            yield key, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def open_lake(settings: Settings, s3_client_factory: "Callable[[], S3Client] | None" = None) -> Lake:
    """The lake of these settings: `LAKE_URL`, or the folder `lake` in the home. Nothing is touched before first use.

    `s3_client_factory` replaces the client that dagster-aws's `S3Resource` gives.
    """
    url = urlsplit(settings.lake_url or "")
    if url.scheme == "s3":
        from spotify_assets.storage.s3_lake import S3Lake, bounded_client

        return S3Lake(url.netloc, url.path.strip("/"), settings.home_path, s3_client_factory or bounded_client)
    from spotify_assets.storage.folder_lake import FolderLake

    named = Path(url.path if url.scheme == "file" else settings.lake_url or settings.home_path / "lake")
    return FolderLake(named.expanduser().absolute(), settings.home_path)


def _digest(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()[:12]
