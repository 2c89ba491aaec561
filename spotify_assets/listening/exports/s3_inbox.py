"""The inbox in the bucket of a lake on S3: `inbox/<user>/` below the lake's prefix."""

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, BinaryIO, cast
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from spotify_assets.listening.exports.inbox import FOLDER, Entry
from spotify_assets.listening.exports.sources import Given, LeftAlone
from spotify_assets.storage.s3_lake import bounded_client, problems_as_sentences

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectTypeDef

_IN_MEMORY = 32 * 1024 * 1024


@dataclass(frozen=True)
class S3Inbox:
    """`prefix` ends with a slash where it is not empty."""

    bucket: str
    prefix: str
    client_factory: "Callable[[], S3Client]" = field(default=bounded_client, repr=False)

    @classmethod
    def at(cls, lake_url: str, client_factory: "Callable[[], S3Client] | None" = None) -> "S3Inbox":
        url = urlsplit(lake_url)
        prefix = url.path.strip("/")
        return cls(url.netloc, f"{prefix}/" if prefix else "", client_factory or bounded_client)

    def entries(self) -> list[Entry]:
        found: dict[tuple[str, str], list[ObjectTypeDef]] = {}
        for one in self._objects(self._root):
            user_id, _, rest = one["Key"].removeprefix(self._root).partition("/")
            if rest and not one["Key"].endswith("/"):
                found.setdefault((user_id, rest.split("/")[0]), []).append(one)
        return [
            Entry(
                f"s3://{self.bucket}/{self._root}{user_id}/{name}",
                user_id,
                repr([(one["Key"], one["Size"], one["ETag"]) for one in objects]),
                max(one["LastModified"].timestamp() for one in objects),
            )
            for (user_id, name), objects in sorted(found.items())
        ]

    def problems(self) -> list[str]:
        return []  # a bucket is read as a whole or not at all

    def given(self, address: str) -> list[Given]:
        return [
            Given(
                self._address(one["Key"]),
                one["Key"].rsplit("/", 1)[-1],
                one["Size"],
                partial(self._download, one["Key"]),
                is_named=self._address(one["Key"]) == address,
            )
            for one in self._objects_of(address)
        ]

    def delete(self, address: str, left_alone: list[LeftAlone]) -> None:
        stays = {other.where for other in left_alone}
        for one in self._objects_of(address):
            if self._address(one["Key"]) not in stays:
                with problems_as_sentences(self.bucket):
                    self._client.delete_object(Bucket=self.bucket, Key=one["Key"])

    def _objects_of(self, address: str) -> "list[ObjectTypeDef]":
        key = address.removeprefix(f"s3://{self.bucket}/")
        return [one for one in self._objects(key) if one["Key"] == key or one["Key"].startswith(f"{key}/")]

    def _objects(self, prefix: str) -> "Iterator[ObjectTypeDef]":
        """What begins with the prefix; nothing where there is no bucket yet."""
        with problems_as_sentences(self.bucket):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
            try:
                for page in pages:
                    yield from page.get("Contents", [])
            except ClientError as error:
                if error.response.get("Error", {}).get("Code") != "NoSuchBucket":
                    raise

    def _download(self, key: str) -> BinaryIO:
        """The object in a file without a name, which goes when it is closed: reading a zip jumps about in it."""
        file = cast("BinaryIO", tempfile.SpooledTemporaryFile(_IN_MEMORY))  # noqa: SIM115 - the caller closes it
        with problems_as_sentences(self.bucket):
            self._client.download_fileobj(self.bucket, key, file)
        file.seek(0)
        return file

    def _address(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"

    @property
    def _root(self) -> str:
        return f"{self.prefix}{FOLDER}/"

    @cached_property
    def _client(self) -> "S3Client":
        return self.client_factory()
