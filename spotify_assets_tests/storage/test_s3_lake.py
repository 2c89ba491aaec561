"""An S3 lake that is broken says so soon, in one sentence."""

import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import boto3
import pytest
from moto.server import ThreadedMotoServer
from pytest_httpserver import HTTPServer

from spotify_assets.errors import LakeUnavailable
from spotify_assets.settings import Settings
from spotify_assets.storage.lake import Lake, LakeCorrupt, open_lake
from spotify_assets_tests.conftest import free_port, use_s3

KEY = "tracks/date=2026-11-21/000000Z-x.gz"


def lake_in(bucket: str, home: Path) -> Lake:
    return open_lake(Settings(SPOTIFY_ASSETS_HOME=home, lake_url=f"s3://{bucket}/prefix"))


def assert_unavailable(use: Callable[[], object], match: str, within: float = 15) -> None:
    started = time.monotonic()
    with pytest.raises(LakeUnavailable, match=match) as caught:
        use()
    assert time.monotonic() - started < within
    assert "\n" not in str(caught.value)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("region", ["us-east-1", "eu-central-1"])
def test_a_missing_bucket_is_created_where_the_region_is(
    s3_environment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, region: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    lake_in(f"made-in-{region}", tmp_path).put(KEY, b"payload")

    client = boto3.client("s3")
    assert client.get_bucket_location(Bucket=f"made-in-{region}")["LocationConstraint"] in (None, region)
    assert [entry["Key"] for entry in client.list_objects_v2(Bucket=f"made-in-{region}")["Contents"]] == [
        f"prefix/{KEY}"
    ]


def test_a_bucket_that_is_gone_is_never_begun_anew(s3_environment: str, tmp_path: Path) -> None:
    used = lake_in("goes-away", tmp_path)
    used.put(KEY, b"payload")
    client = boto3.client("s3")
    client.delete_object(Bucket="goes-away", Key=f"prefix/{KEY}")
    client.delete_bucket(Bucket="goes-away")

    for lake in (used, lake_in("goes-away", tmp_path)):
        for use in (
            lambda lake=lake: lake.put(KEY, b"payload"),
            lambda lake=lake: lake.get(KEY),
            lambda lake=lake: lake.delete_folder("tracks/"),
            lambda lake=lake: list(lake.list("")),
        ):
            assert_unavailable(use, "goes-away")


def test_a_cut_object_is_damaged_and_not_missing(s3_environment: str, tmp_path: Path) -> None:
    lake = lake_in("damaged", tmp_path)
    lake.put(KEY, b"payload" * 100)
    client = boto3.client("s3")
    stored = client.get_object(Bucket="damaged", Key=f"prefix/{KEY}")["Body"].read()
    client.put_object(Bucket="damaged", Key=f"prefix/{KEY}", Body=stored[:-9])

    with pytest.raises(LakeCorrupt, match=KEY):
        lake.get(KEY)


@pytest.fixture
def stoppable(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedMotoServer]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=free_port(), verbose=False)
    server.start()
    use_s3(monkeypatch, f"http://127.0.0.1:{server._port}")
    yield server
    server.stop()


def test_a_stopped_server_is_noticed_soon_by_every_use(stoppable: ThreadedMotoServer, tmp_path: Path) -> None:
    lake = lake_in("stopped", tmp_path)
    lake.put(KEY, b"payload")
    stoppable.stop()

    for use in (
        lambda: lake.put("another.gz", b"x"),
        lambda: lake.get(KEY),
        lambda: list(lake.get_many([KEY] * 50)),
        lambda: list(lake.list("")),
        lambda: lake_in("stopped", tmp_path).delete_folder("tracks/"),
    ):
        assert_unavailable(use, "stopped")
    stoppable.start()
    assert lake.get(KEY) == b"payload"


def test_a_bucket_that_may_not_be_created_is_a_sentence(
    httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    denied = "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    httpserver.expect_request("/forbidden", method="HEAD").respond_with_data(status=404)
    httpserver.expect_request("/forbidden", method="PUT").respond_with_data(denied, status=403)
    use_s3(monkeypatch, httpserver.url_for(""))
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{httpserver.port}")

    assert_unavailable(lambda: lake_in("forbidden", tmp_path).put(KEY, b"x"), r"can't be created \(AccessDenied\)")


def test_missing_credentials_are_a_sentence(
    s3_environment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))

    assert_unavailable(lambda: lake_in("no-credentials", tmp_path).get(KEY), "set AWS_ACCESS_KEY_ID")


def test_a_server_that_accepts_and_never_answers_is_noticed_soon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        Thread(target=lambda: [silent.accept() for _ in range(2)], daemon=True).start()
        use_s3(monkeypatch, f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert_unavailable(lambda: lake_in("silent", tmp_path).get(KEY), "silent", within=18)
