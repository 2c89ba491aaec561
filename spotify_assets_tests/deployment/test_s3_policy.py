"""deploy/s3-policy.json allows what the pipeline asks of S3, and nothing more."""

import json
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from dagster_aws.s3.compute_log_manager import S3ComputeLogManager

from spotify_assets.settings import Settings
from spotify_assets.storage.lake import open_lake
from spotify_assets_tests.deployment.image import REPOSITORY

# What IAM calls the right to each call; the service's own reference.
RIGHTS = {
    "HeadBucket": "s3:ListBucket",
    "ListObjectsV2": "s3:ListBucket",
    "ListObjects": "s3:ListBucket",
    "HeadObject": "s3:GetObject",
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "DeleteObjects": "s3:DeleteObject",
}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, s3_environment: str) -> set[tuple[str, str, str]]:
    """(call, bucket, key or prefix) of all calls of boto3, which are made all the same."""
    calls: set[tuple[str, str, str]] = set()
    call = BaseClient._make_api_call  # type: ignore[attr-defined]

    def recorded(client: BaseClient, name: str, parameters: dict[str, Any]) -> Any:
        keys = [each["Key"] for each in parameters.get("Delete", {}).get("Objects", [])]
        for key in keys or [parameters.get("Key", parameters.get("Prefix", ""))]:
            calls.add((name, parameters["Bucket"], key))
        return call(client, name, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    return calls


def test_the_policy_covers_exactly_what_is_asked(asked: set[tuple[str, str, str]], tmp_path: Path) -> None:
    import boto3

    s3 = boto3.resource("s3")
    for name in ("listening", "dagster-logs"):
        # Other tests of this process have buckets of these names too.
        with suppress(s3.meta.client.exceptions.BucketAlreadyOwnedByYou):
            s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
        s3.Bucket(name).objects.all().delete()
    asked.clear()

    lake = open_lake(Settings(SPOTIFY_ASSETS_HOME=tmp_path, lake_url="s3://listening/lake"))
    lake.put("probe/a.json.gz", b"{}")
    assert lake.get("probe/a.json.gz") == b"{}"
    assert list(lake.folders("")) == ["probe/"]
    lake.delete("probe/a.json.gz")
    lake.put("probe/b.json.gz", b"{}")
    assert lake.delete_folder("probe/") == 1

    logs = S3ComputeLogManager(bucket="dagster-logs", prefix="compute-logs", local_dir=str(tmp_path))
    key = ["run", "compute_logs", "step"]
    # Dagster ends its helpers by SIGTERM, which they ignore where this process ignores or blocks it.
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    with logs.capture_logs(key):
        print("said")
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    signal.signal(signal.SIGTERM, before)
    assert logs.get_log_data(key).stdout is not None
    logs.delete_logs(log_key=key)
    logs.delete_logs(prefix=["run"])

    policy = json.loads((REPOSITORY / "deploy/s3-policy.json").read_text())
    allowed = {action for statement in policy["Statement"] for action in statement["Action"]}
    assert allowed == {RIGHTS[name] for name, _, _ in asked}
    folders = {"listening": "lake/", "dagster-logs": "compute-logs/"}
    assert {bucket for _, bucket, _ in asked} == set(folders)
    assert all(key.startswith(folders[bucket]) for name, bucket, key in asked if name != "HeadBucket")
    for statement in policy["Statement"]:
        whole = statement["Action"] == ["s3:ListBucket"]
        expected = {f"arn:aws:s3:::{bucket}" + ("" if whole else f"/{folder}*") for bucket, folder in folders.items()}
        assert set(statement["Resource"]) == expected
