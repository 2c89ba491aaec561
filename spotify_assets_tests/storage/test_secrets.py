"""Stored tokens can be read with the right key, and with no other."""

import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from spotify_assets.errors import SettingsError
from spotify_assets.settings import Settings
from spotify_assets.storage.secrets import TokenCipher

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
URL = "postgresql://u:p@h/d"


def cipher(keys: str) -> TokenCipher:
    return TokenCipher.from_settings(Settings(token_encryption_key=keys))


def test_a_secret_comes_back_and_its_stored_form_does_not_show_it() -> None:
    stored = cipher(NEW).encrypt("canary-token")

    assert b"canary" not in stored
    assert cipher(NEW).decrypt(stored) == "canary-token"
    assert NEW not in repr(cipher(NEW))


@pytest.mark.parametrize("separator", [",", " ", "\n", ", "])
def test_a_key_can_be_changed_the_first_writes_and_all_read(separator: str) -> None:
    both = cipher(NEW + separator + OLD)

    assert both.decrypt(cipher(OLD).encrypt("token")) == "token"
    assert cipher(NEW).decrypt(both.encrypt("token")) == "token"
    with pytest.raises(SettingsError, match="restore the key"):
        cipher(OLD).decrypt(both.encrypt("token"))


def test_a_generated_key_is_private_and_shared_by_processes_that_start_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from spotify_assets.settings import Settings;"
        "from spotify_assets.storage.secrets import TokenCipher;"
        "print(TokenCipher.from_settings(Settings(SPOTIFY_ASSETS_HOME=sys.argv[1])).encrypt('token').decode())"
    )
    home = tmp_path / "home"
    racers = [subprocess.Popen([sys.executable, "-c", code, home], stdout=subprocess.PIPE, text=True) for _ in range(4)]
    stored = [racer.communicate()[0].strip() for racer in racers]

    ours = TokenCipher.from_settings(Settings(SPOTIFY_ASSETS_HOME=home))
    assert [ours.decrypt(token.encode()) for token in stored] == ["token"] * 4
    assert [path.name for path in home.iterdir()] == ["token_encryption.key"]
    assert (home / "token_encryption.key").stat().st_mode & 0o777 == 0o600


def test_a_database_that_others_share_needs_a_key_of_one_s_own() -> None:
    with pytest.raises(SettingsError, match="TOKEN_ENCRYPTION_KEY has to be set when DATABASE_URL is"):
        TokenCipher.from_settings(Settings(database_url=URL))
    TokenCipher.from_settings(Settings(database_url=URL, token_encryption_key=NEW))


@pytest.mark.parametrize(
    "value",
    ["canary", ",", f"{NEW},canary", NEW[:-2], "ключ"],
    ids=["a word", "nothing", "half", "cut short", "no ASCII"],
)
def test_a_malformed_key_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(SettingsError, match="TOKEN_ENCRYPTION_KEY holds no usable key") as caught:
        cipher(value)
    assert "canary" not in str(caught.value)


def test_an_emptied_key_file_and_a_home_that_is_a_file_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "token_encryption.key").touch()
    with pytest.raises(SettingsError, match="holds no usable key"):
        TokenCipher.from_settings(Settings(SPOTIFY_ASSETS_HOME=tmp_path))
    with pytest.raises(SettingsError, match="can't be used"):
        TokenCipher.from_settings(Settings(SPOTIFY_ASSETS_HOME=tmp_path / "token_encryption.key"))
