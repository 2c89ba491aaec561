"""Before the others start: the warehouse's tables, and the buckets of the lake and of the runs' logs.

Its S3 keys may make buckets, which nobody else's may. Safe to repeat, and safe beside another one.
"""

import os
import sys
from urllib.parse import urlsplit

from spotify_assets.errors import UserError
from spotify_assets.settings import settings
from spotify_assets.storage.warehouse import open_warehouse

_PROBE = "probe/written-by-prepare"


def main() -> str | None:
    """Says what it found; returns a sentence where something is missing."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        chosen = settings()
        print(f"{open_warehouse(chosen).where}: the tables are in place.")
        for bucket in (urlsplit(chosen.lake_url or "").netloc, os.environ["DAGSTER_LOGS_BUCKET"]):
            print(f"Bucket {bucket}: {_made(bucket)}; writing and reading work.")
    except (BotoCoreError, ClientError) as error:
        return f"The S3 server can't be used: {error}"
    except UserError as error:
        return str(error)
    return None


def _made(bucket: str) -> str:
    import boto3

    s3 = boto3.client("s3")
    existing = {each["Name"] for each in s3.list_buckets()["Buckets"]}
    if bucket not in existing:
        s3.create_bucket(Bucket=bucket)
    # A server may answer before it can store anything.
    s3.put_object(Bucket=bucket, Key=_PROBE, Body=b"")
    s3.get_object(Bucket=bucket, Key=_PROBE)
    s3.delete_object(Bucket=bucket, Key=_PROBE)
    return "was there" if bucket in existing else "made"


if __name__ == "__main__":
    sys.exit(main())
