"""Each wrong value of the environment is one sentence that names the variable and the remedy."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spotify_assets.clock import FixedClock, SystemClock, clock_from
from spotify_assets.errors import SettingsError
from spotify_assets.settings import read_settings


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("SPOTIFY_API_URL", "api.spotify.com", "SPOTIFY_API_URL"),
        ("SPOTIFY_API_URL", "http://api.spotify.com/v1", "use https"),
        *(
            ("KWORB_URL", url, "KWORB_URL can't be used: it should be an address such as https://")
            for url in (
                "https://x:99999",
                "https://x:0",
                "https://x:port",
                "https://ex ample.com",
                "https://.com",
                "https://...",
                f"https://{'a' * 64}.com",
                "https://*.x",
                "https://[::1",
                "https://[x]",
            )
        ),
        ("DATABASE_URL", "mysql://u:canary@h/d", "postgresql://"),
        ("LAKE_URL", "gs://bucket", "s3://bucket/prefix"),
        ("LAKE_START", "last year", "LAKE_START"),
        ("MUSICBRAINZ_CONTACT", "me (at home)", "me@example.org"),
        (
            "DAGSTER_UI_URL",
            "dagster.example.org",
            "DAGSTER_UI_URL can't be used: it should be an address such as https://",
        ),
        ("DAGSTER_UI_URL", "https://x/|y", "DAGSTER_UI_URL"),
        ("SLACK_DIGEST_CHANNELS", "alex", "a channel for each listener once, such as alex=#alex"),
        ("SLACK_DIGEST_CHANNELS", "alex=#a,alex=#b", "once"),
        ("SPOTIFY_ASSETS_CLOCK", "2026-01-01", "unset SPOTIFY_ASSETS_CLOCK"),
    ],
)
def test_a_wrong_value_is_one_sentence(name: str, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        read_settings()
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "canary" not in str(refused.value)


@pytest.mark.parametrize(
    "url", ["https://kworb.net", "https://x-1.a_b.é.example.:8443/path", "http://127.0.0.1:1", "http://[::1]:65535/x"]
)
def test_addresses_of_all_kinds_are_taken(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KWORB_URL", url)
    assert read_settings().kworb_url == url


def test_a_link_may_lead_to_a_machine_in_the_house_and_digests_go_where_it_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DAGSTER_UI_URL", "http://nas.local:3000/")
    monkeypatch.setenv("SLACK_DIGEST_CHANNELS", "alex = #alex, bo=U012AB3CD")
    chosen = read_settings()
    assert chosen.dagster_ui_url == "http://nas.local:3000"
    assert chosen.slack_digest_channels == {"alex": "#alex", "bo": "U012AB3CD"}


def test_the_home_may_name_a_variable_as_a_shell_would_have_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/srv/anna")
    for value in ("$HOME/home", "~/home", "/srv/anna/home"):
        monkeypatch.setenv("SPOTIFY_ASSETS_HOME", value)
        assert read_settings().home_path == Path("/srv/anna/home")


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    assert read_settings().database_url is None


def test_the_command_line_says_it_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_START", "last year")
    done = subprocess.run(
        [sys.executable, "-m", "spotify_assets.cli", "poll"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("spotify-assets: LAKE_START can't be used")
    assert done.stderr.count("\n") == 1


def test_the_clock_is_the_real_one_unless_the_simulator_is_near(monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(clock_from(read_settings()), SystemClock)
    monkeypatch.setenv("SPOTIFY_API_URL", "http://127.0.0.1:1/v1")
    monkeypatch.setenv("SPOTIFY_ASSETS_CLOCK", "2026-03-04T13:00+01:00")
    assert clock_from(read_settings()) == FixedClock(datetime(2026, 3, 4, 12, tzinfo=UTC))
    monkeypatch.setenv("SPOTIFY_ASSETS_CLOCK", "teatime")
    with pytest.raises(SettingsError, match="give an ISO time"):
        clock_from(read_settings())
