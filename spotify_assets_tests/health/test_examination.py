"""Everything green, then each thing really broken by itself: its line says so, and no other line is blamed for it."""

import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
import requests
from cryptography.fernet import Fernet
from psycopg import sql
from pytest_httpserver import HTTPServer

from spotify_assets.listening.ledger import DATASET
from spotify_assets.settings import settings
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.storage.embedded import EmbeddedPostgres
from spotify_assets.storage.lake import is_key, open_lake
from spotify_assets.storage.landed import first_landing
from spotify_assets_tests.conftest import free_port, use_s3
from spotify_assets_tests.health.conftest import BOT, HOOK, NOW, Worlds, look, not_green
from spotify_assets_tests.ticks import calls, fault

ALEX = "Spotify: alex"


def test_everything_is_green_where_everything_works(new_world: Worlds) -> None:
    world = new_world()

    found = look(world)

    assert not_green(found) == {}
    assert list(found) == [
        "Postgres",
        "stored logins",
        "lake",
        "Spotify app",
        ALEX,
        "request budget",
        "charts: kworb",
        "charts: Deezer",
        "Slack",
        "heartbeat",
        "Dagster",
    ]
    assert found[ALEX].says == (
        "the login works; all scopes granted; lasts until 2026-09-02; new Development Mode; "
        "last poll 2026-03-02 06:00 UTC"
    )
    # One call for each listener, and one a day for the tier.
    assert look(world)["request budget"].says == (
        "calls in the last 24 h: 3 (2 for connection, 1 for polling), no daily limit"
    )
    assert look(world)["request budget"].says.startswith("calls in the last 24 h: 4 (3 for connection")


def test_with_nothing_configured_nothing_is_red(new_world: Worlds, outside: HTTPServer) -> None:
    world = new_world()
    nothing = dict.fromkeys(
        ("SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET", "SLACK_BOT_TOKEN", "SLACK_CHANNEL", "HEARTBEAT_URL"), ""
    )
    with world.warehouse.connect() as connection:
        connection.execute("truncate ops.listeners cascade")

    found = look(world, **nothing)

    assert not_green(found) == dict.fromkeys(("Spotify app", "Spotify", "Slack", "heartbeat"), "yellow")
    assert found["Spotify"].says == "nobody is connected"
    assert found["Slack"].says == "alerts are only logged"


# Postgres, the lake, the keys.


def test_without_postgres_its_line_alone_is_red(new_world: Worlds) -> None:
    world = new_world()

    found = look(world, DATABASE_URL=f"postgresql://me:canary-password@127.0.0.1:{free_port()}/spotify")

    not_looked = ("stored logins", "Spotify", "request budget")
    assert not_green(found) == {"Postgres": "red"} | dict.fromkeys(not_looked, "yellow")
    assert "Connection refused" in found["Postgres"].says
    assert all("since Postgres can't be used" in found[name].says for name in not_looked)


def test_a_postgres_that_takes_no_writes_is_red(new_world: Worlds, postgres_server: EmbeddedPostgres) -> None:
    world = new_world()
    name = world.warehouse.dsn.rpartition("/")[2]
    with psycopg.connect(postgres_server.admin_dsn(), autocommit=True) as admin:
        admin.execute(sql.SQL("alter database {} set default_transaction_read_only = on").format(sql.Identifier(name)))

    found = look(world)

    assert not_green(found)["Postgres"] == "red"
    assert "read-only" in found["Postgres"].says


def test_a_look_leaves_nothing_behind(new_world: Worlds) -> None:
    world = new_world()
    look(world)
    assert world.rows("select count(*) from ops.spool") == [(0,)]
    assert list(open_lake(settings()).list("probe/")) == []


def test_a_lake_that_is_a_file_is_red(new_world: Worlds) -> None:
    world = new_world()
    folder = world.home / "lake"
    folder.rename(world.home / "away")
    folder.touch()

    found = look(world)

    assert not_green(found) == {"lake": "red"}
    assert "is no folder any more" in found["lake"].says


def test_a_lake_on_s3_is_green_and_red_once_its_server_is_gone(
    new_world: Worlds, s3_environment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = new_world()
    assert not_green(look(world, LAKE_URL="s3://lake-of-the-doctor/some/prefix")) == {}
    use_s3(monkeypatch, f"http://127.0.0.1:{free_port()}")

    found = look(world, LAKE_URL="s3://lake-of-the-doctor/some/prefix")

    assert not_green(found) == {"lake": "red"}
    assert "lake-of-the-doctor can't be used" in found["lake"].says


def test_what_a_probe_left_in_the_lake_is_never_taken_for_something_landed(new_world: Worlds, tmp_path: Path) -> None:
    world = new_world()
    world.settings()
    lake = open_lake(settings())
    landed = set(lake.list(""))
    lake.put("probe/0123456789abcdef.json.gz", b"{}")
    assert {key for key in lake.list("") if is_key(key)} == landed
    assert first_landing(lake, DATASET) == NOW.date()
    assert world.tick_without_dagster(build=False).loaded.objects == 1


def test_without_the_keys_nobody_is_looked_at(new_world: Worlds) -> None:
    found = look(new_world(), TOKEN_ENCRYPTION_KEY="")

    assert not_green(found) == {"stored logins": "red", "Spotify": "yellow", "request budget": "yellow"}
    assert "TOKEN_ENCRYPTION_KEY has to be set" in found["stored logins"].says


def test_a_login_under_an_older_key_is_named_until_its_next_refresh(new_world: Worlds) -> None:
    world = new_world()
    keys = f"{Fernet.generate_key().decode()},{world.environment['TOKEN_ENCRYPTION_KEY']}"

    found = look(world, TOKEN_ENCRYPTION_KEY=keys)
    assert not_green(found) == {"stored logins": "yellow"}
    assert found["stored logins"].says == "still under an older key: alex"

    world.at(NOW + timedelta(hours=2))
    look(world, TOKEN_ENCRYPTION_KEY=keys)
    assert not_green(look(world, TOKEN_ENCRYPTION_KEY=keys)) == {}


# Spotify's app and its budget.


def test_a_wrong_client_secret_is_the_app_s_fault_and_no_listener_s(new_world: Worlds) -> None:
    found = look(new_world(), SPOTIFY_CLIENT_SECRET="canary-wrong")

    assert not_green(found) == {"Spotify app": "red"}
    assert "copy both again" in found["Spotify app"].says


def test_an_app_without_a_secret_is_checked_too(new_world: Worlds) -> None:
    world = new_world()
    found = look(world, SPOTIFY_CLIENT_SECRET="")
    assert not_green(found) == {}
    assert "without a secret" in found["Spotify app"].says
    assert look(world, SPOTIFY_CLIENT_SECRET="", SPOTIFY_CLIENT_ID="another")["Spotify app"].status == "red"


def test_a_missing_client_id_is_red_where_somebody_is_connected(new_world: Worlds) -> None:
    found = look(new_world(), SPOTIFY_CLIENT_ID="")
    assert not_green(found) == {"Spotify app": "red", ALEX: "yellow"}
    assert "SPOTIFY_CLIENT_ID is not set" in found[ALEX].says


def test_a_blocked_app_is_yellow_and_nobody_is_called(new_world: Worlds) -> None:
    world = new_world()
    with world.warehouse.connect() as connection:
        connection.execute(
            "insert into ops.blocks (api_url, blocked_until, reason) values (%s, %s, 'quota')",
            (world.simulator.api_url, NOW + timedelta(hours=14)),
        )
    calls(world)

    found = look(world)

    assert not_green(found) == {ALEX: "yellow", "request budget": "yellow"}
    assert "blocked until 2026-03-02 20:00 UTC" in found["request budget"].says
    assert "not asked, since Spotify is blocked" in found[ALEX].says
    assert not [path for path, _ in calls(world) if path.startswith("/v1/")]


def test_a_quota_that_ends_during_the_look_is_yellow_and_kept(new_world: Worlds) -> None:
    world = new_world()
    body = {"error": {"status": 429, "message": "Too many requests", "reason": "QUOTA_EXCEEDED"}}
    fault(world, path="/v1/*", status=429, body=body, headers={"Retry-After": "50000"})

    assert not_green(look(world)) == {ALEX: "yellow"}
    assert not_green(look(world)) == {ALEX: "yellow", "request budget": "yellow"}


def test_a_budget_that_is_used_up_is_yellow_and_nobody_is_called(new_world: Worlds) -> None:
    world = new_world()
    calls(world)

    found = look(world, SPOTIFY_DAILY_REQUEST_BUDGET="1")

    assert not_green(found) == {ALEX: "yellow", "request budget": "yellow"}
    assert found["request budget"].says == "calls in the last 24 h: 1 (1 for polling), and all 1 are used"
    assert found[ALEX].says.startswith("not asked, since the daily budget is used up; all scopes granted")
    assert not [path for path, _ in calls(world) if path.startswith("/v1/")]
    assert look(world, SPOTIFY_DAILY_REQUEST_BUDGET="9")["request budget"].says.endswith("8 of 9 left")


def test_a_look_does_not_queue_for_its_turn(new_world: Worlds) -> None:
    world = new_world()
    with world.warehouse.connect() as connection:
        connection.execute(
            "insert into ops.rate_windows (api_url, most, learnt_at) values (%s, 1, %s)",
            (world.simulator.api_url, NOW),
        )
    began = time.monotonic()

    found = look(world)

    assert time.monotonic() - began < 10
    assert not_green(found) == {ALEX: "yellow"}
    assert found[ALEX].says.endswith("look again in a minute")


# Listeners.


def test_a_revoked_login_is_red_and_the_others_are_not(new_world: Worlds, simulator: SimulatorServer) -> None:
    world = new_world("alex", "bo")
    requests.post(f"{simulator.url}/_sim/revoke", json={"user": "alex"}, timeout=10).raise_for_status()

    for _ in range(2):
        found = look(world)
        assert not_green(found) == {ALEX: "red"}
        assert "Refresh token revoked" in found[ALEX].says
        assert "spotify-assets login alex" in found[ALEX].says + found[ALEX].remedy


def test_a_key_that_decrypts_no_login_is_red(new_world: Worlds) -> None:
    found = look(new_world(), TOKEN_ENCRYPTION_KEY=Fernet.generate_key().decode())
    assert found[ALEX].status == "red"
    assert "can't be decrypted" in found[ALEX].says


@pytest.mark.parametrize(
    ("app", "sentence"),
    [({"premium": False}, "no active Premium"), ({"allowlist": ["bo"]}, "does not list the account of listener alex")],
)
def test_an_app_that_may_not_serve_a_listener_is_red(app: dict[str, object], sentence: str, new_world: Worlds) -> None:
    world = new_world()
    requests.post(f"{world.simulator.url}/_sim/app", json=app, timeout=10).raise_for_status()

    found = look(world)

    assert not_green(found) == {ALEX: "red"}
    assert sentence in found[ALEX].says


def test_a_spotify_that_hangs_is_red_within_ten_seconds(new_world: Worlds) -> None:
    world = new_world()
    fault(world, path="/v1/*", latency_seconds=30)
    began = time.monotonic()

    found = look(world)

    assert time.monotonic() - began < 15  # the two other steps come before
    assert not_green(found) == {ALEX: "red"}
    assert "time-out" in found[ALEX].says


def test_a_login_without_all_permissions_is_red(new_world: Worlds) -> None:
    world = new_world()
    with world.warehouse.connect() as connection:
        connection.execute("update ops.tokens set scope = 'playlist-read-private'")

    found = look(world)

    assert not_green(found) == {ALEX: "red"}
    assert "lacks user-read-recently-played" in found[ALEX].says


def test_a_tier_that_is_known_is_said_without_a_call(new_world: Worlds) -> None:
    world = new_world()
    requests.post(f"{world.simulator.url}/_sim/app", json={"tier": "extended"}, timeout=10).raise_for_status()
    assert "Development Mode of before February 2026, or Extended" in look(world)[ALEX].says
    calls(world)
    assert "Development Mode of before February 2026, or Extended" in look(world)[ALEX].says
    assert "/v1/tracks" not in dict(calls(world))


# What lies outside.


def test_a_chart_s_host_that_is_down_is_yellow(new_world: Worlds, outside: HTTPServer) -> None:
    outside.expect_request("/broken/").respond_with_data("", status=503)

    found = look(new_world(), KWORB_URL=f"http://127.0.0.1:{free_port()}", DEEZER_URL=outside.url_for("/broken"))

    assert not_green(found) == {"charts: kworb": "yellow", "charts: Deezer": "yellow"}
    assert "no connection" in found["charts: kworb"].says
    assert "HTTP 503" in found["charts: Deezer"].says


def _refuses(outside: HTTPServer) -> None:
    outside.expect_request("/elsewhere/auth.test").respond_with_json({"ok": False, "error": f"invalid_auth {BOT}"})


def _talks_html(outside: HTTPServer) -> None:
    outside.expect_request("/elsewhere/auth.test").respond_with_data("<html>", content_type="text/html")


@pytest.mark.parametrize(
    ("changed", "prepare", "status", "sentence"),
    [
        ({}, _refuses, "red", "Slack does not accept SLACK_BOT_TOKEN (invalid_auth …)"),
        ({}, _talks_html, "yellow", "gave no usable answer (HTTP 200)"),
        ({"SLACK_CHANNEL": ""}, None, "red", "SLACK_CHANNEL is not"),
        ({"SLACK_BOT_TOKEN": "canary\nø"}, None, "red", "holds what can't be a token"),
        ({"SLACK_BOT_TOKEN": ""}, None, "yellow", "alerts are only logged"),
        ({"SLACK_BOT_TOKEN": "", "SLACK_WEBHOOK_URL": f"https://hooks.slack.com/{HOOK}"}, None, "green", "a webhook"),
        ({"SLACK_API_URL": "http://127.0.0.1:9/api"}, None, "yellow", "can't be reached (no connection"),
    ],
)
def test_slack_is_told_apart(
    changed: dict[str, str],
    prepare: Callable[[HTTPServer], None] | None,
    status: str,
    sentence: str,
    new_world: Worlds,
    outside: HTTPServer,
) -> None:
    if prepare:
        prepare(outside)
        changed = {"SLACK_API_URL": outside.url_for("/elsewhere")}

    found = look(new_world(), **changed)

    assert not_green(found) == ({} if status == "green" else {"Slack": status})
    assert sentence in found["Slack"].says


def test_a_heartbeat_is_never_pinged(new_world: Worlds, outside: HTTPServer) -> None:
    look(new_world())
    outside.check_assertions()  # a request that nobody expects would be noted there
