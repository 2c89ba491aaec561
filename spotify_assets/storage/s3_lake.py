"""The lake in an S3 bucket, or in anything that speaks S3 and knows conditional writes."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, ResponseStreamingError

from spotify_assets.errors import LakeUnavailable
from spotify_assets.storage import lake_memory
from spotify_assets.storage.lake import LakeCorrupt, check_folder, check_key, decode, encode, read_concurrently

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

_TRIES = 3
_MOST_AT_ONCE = 1_000  # keys in one call to delete_objects


def bounded_client() -> "S3Client":
    """dagster-aws's S3 client with time-outs: a dead server is noticed within 15 seconds."""
    import boto3
    from botocore.config import Config
    from dagster_aws.s3 import S3Resource

    # S3Resource has a setting for the retries and none for the time-outs (botocore's are a minute each), so the client
    # is made once more from its own description.
    plain: S3Client = S3Resource(max_attempts=2).get_client()
    bounds = Config(connect_timeout=5, read_timeout=7, max_pool_connections=32)
    return boto3.session.Session().client(
        "s3",
        region_name=plain.meta.region_name,
        endpoint_url=plain.meta.endpoint_url,
        config=plain.meta.config.merge(bounds),
    )


class S3Lake:
    """A lake under `prefix` of a bucket, which is created on first use where that is allowed."""

    def __init__(self, bucket: str, prefix: str, home: Path, client_factory: "Callable[[], S3Client]") -> None:
        self._bucket = bucket
        self._prefix = f"{prefix}/" if prefix else ""
        self._home = home
        self._client_factory = client_factory
        self._preparing = Lock()
        self._is_prepared = False

    def put(self, key: str, body: bytes) -> bool:
        name = self._prefix + check_key(key)
        stored = encode(body)
        with self._problems_as_sentences():
            for attempt in range(1, _TRIES + 1):
                try:
                    self._client.put_object(Bucket=self._bucket, Key=name, Body=stored, IfNoneMatch="*")
                except ClientError as error:
                    if _code(error) in ("PreconditionFailed", "412"):
                        return False
                    # Somebody else is writing the same key at this moment.
                    if _code(error) != "ConditionalRequestConflict" or attempt == _TRIES:
                        raise
                    time.sleep(0.2 * attempt)
                else:
                    return True
        raise AssertionError("unreachable: the last attempt returns or raises")

    def get(self, key: str) -> bytes:
        return decode(key, self.stored(key))

    def stored(self, key: str) -> bytes:
        name = self._prefix + check_key(key)
        with self._problems_as_sentences():
            try:
                return self._read(name)
            except ResponseStreamingError:
                return self._read(name)  # botocore retries requests, but no answer that breaks off
            except ClientError as error:
                if _code(error) == "NoSuchKey":
                    raise KeyError(key) from None
                raise

    def get_many(self, keys: Sequence[str]) -> Iterator[tuple[str, bytes | LakeCorrupt]]:
        return read_concurrently(self.get, keys)

    def list(self, prefix: str) -> Iterator[str]:
        with self._problems_as_sentences():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix
            )
            for page in pages:
                for entry in page.get("Contents", []):
                    yield entry["Key"].removeprefix(self._prefix)

    def folders(self, prefix: str) -> Iterator[str]:
        with self._problems_as_sentences():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=self._prefix + prefix, Delimiter="/"
            )
            for page in pages:
                for entry in page.get("CommonPrefixes", []):
                    yield entry["Prefix"].removeprefix(self._prefix)

    def delete(self, key: str) -> None:
        name = self._prefix + check_key(key)
        with self._problems_as_sentences():
            self._client.delete_object(Bucket=self._bucket, Key=name)

    def delete_folder(self, prefix: str) -> int:
        names: list[ObjectIdentifierTypeDef] = [{"Key": self._prefix + key} for key in self.list(check_folder(prefix))]
        with self._problems_as_sentences():
            for start in range(0, len(names), _MOST_AT_ONCE):
                answer = self._client.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": names[start : start + _MOST_AT_ONCE], "Quiet": True}
                )
                for refused in answer.get("Errors", []):
                    raise LakeUnavailable(
                        f"The lake's bucket {self._bucket} does not delete {refused.get('Key')} "
                        f"({refused.get('Message') or refused.get('Code')}); allow it, and run again."
                    )
        return len(names)

    def _read(self, name: str) -> bytes:
        return self._client.get_object(Bucket=self._bucket, Key=name)["Body"].read()

    @property
    def _client(self) -> "S3Client":
        with self._preparing:
            if not self._is_prepared:
                self._prepare_bucket()
                self._is_prepared = True
            return self._made_client

    @cached_property
    def _made_client(self) -> "S3Client":
        return self._client_factory()

    def _prepare_bucket(self) -> None:
        address = f"s3://{self._bucket}/{self._prefix}"
        try:
            self._made_client.head_bucket(Bucket=self._bucket)
        except ClientError as error:
            if _code(error) in ("403", "AccessDenied"):
                return  # keys that may only read and write objects may not ask for the bucket
            if _code(error) not in ("404", "NoSuchBucket"):
                raise
            if lake_memory.is_known(self._home, address):
                note = lake_memory.note_of(self._home, address)
                raise LakeUnavailable(
                    f"The lake's bucket {self._bucket} is gone; put it back, or, to begin an empty one on purpose, "
                    f"delete {note}."
                ) from error
            self._create_bucket()
        lake_memory.remember(self._home, address)

    def _create_bucket(self) -> None:
        region = self._made_client.meta.region_name
        try:
            # The oldest region is the only one that must not be named.
            if region in (None, "us-east-1", "aws-global"):
                self._made_client.create_bucket(Bucket=self._bucket)
            else:
                self._made_client.create_bucket(
                    Bucket=self._bucket,
                    CreateBucketConfiguration={"LocationConstraint": region},  # type: ignore[typeddict-item]
                )
        except ClientError as error:
            if _code(error) == "BucketAlreadyOwnedByYou":
                return  # another process was faster
            raise LakeUnavailable(
                f"The lake's bucket {self._bucket} does not exist and can't be created ({_code(error)}); create it, "
                "or correct LAKE_URL and the AWS_* variables."
            ) from error

    def _problems_as_sentences(self) -> AbstractContextManager[None]:
        return problems_as_sentences(self._bucket)


@contextmanager
def problems_as_sentences(bucket: str) -> Iterator[None]:
    """Raises `LakeUnavailable` for what goes wrong between here and the bucket."""
    try:
        yield
    except NoCredentialsError as error:
        raise LakeUnavailable(
            f"The lake's bucket {bucket} can't be used without credentials; set AWS_ACCESS_KEY_ID and "
            "AWS_SECRET_ACCESS_KEY, or AWS_PROFILE."
        ) from error
    except (BotoCoreError, ClientError) as error:
        raise LakeUnavailable(
            f"The lake's bucket {bucket} can't be used ({str(error).strip().rstrip('.')}); "
            "see to the server, or correct LAKE_URL and the AWS_* variables, and run again."
        ) from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
