"""The environment, read once, on first use. Importing this module reads nothing.

Every variable is optional; `.env.example` documents each. A wrong value raises `SettingsError` with one sentence that
names the variable, what it holds (unless it is a secret) and what it should hold.
"""

import os
import re
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from spotify_assets.errors import SettingsError


def is_loopback(url: str) -> bool:
    """Whether a URL points at this machine, which is what the simulator's does."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


# Names, and the numbers of IPv4; what stands in brackets is an IPv6 address, or `urlsplit` has refused it.
_HOST = re.compile(r"[\w-]{1,63}(\.[\w-]{1,63})*\.?|[0-9a-f:.]*:[0-9a-f:.]*")


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:  # no port, or brackets that hold no address
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(parts.hostname or "") or port == 0:
        raise ValueError("it should be an address such as https://api.spotify.com/v1")
    if parts.scheme == "http" and not is_loopback(value):
        raise ValueError("plain http is allowed for this machine only; use https")
    return value.rstrip("/")


def _postgres_url(value: SecretStr) -> SecretStr:
    if urlsplit(value.get_secret_value()).scheme not in ("postgres", "postgresql"):
        raise ValueError("it should look like postgresql://user:password@host:5432/database")
    return value


def _lake_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme == "s3" and parts.netloc:
        return value.rstrip("/")
    if parts.scheme in ("", "file"):
        return value
    raise ValueError("it should be a folder or s3://bucket/prefix")


def _budget(value: object) -> object:
    if value is None:
        return None
    if isinstance(value, str) and value.strip().lower() == "none":
        return "none"
    digits = str(value).strip()
    if not (digits.isascii() and digits.isdecimal() and int(digits) > 0):
        raise ValueError("it should be a number of requests such as 500, or none for no daily limit")
    return int(digits)


def _link(value: str) -> str:
    try:
        parts = urlsplit(value)
        is_whole = parts.scheme in ("http", "https") and _HOST.fullmatch(parts.hostname or "") and parts.port != 0
    except ValueError:
        is_whole = None
    if not is_whole or re.search(r"[\s<>|]", value):
        raise ValueError("it should be an address such as https://dagster.example.org")
    return value.rstrip("/")


def _secret_url(value: SecretStr) -> SecretStr:
    try:
        _http_url(value.get_secret_value())
    except ValueError:
        # The parser's own message may repeat a part of the address.
        raise ValueError("it should be an address that begins with https://") from None
    return value


_SOURCE = re.compile(r"kworb|deezer|spotify:[0-9A-Za-z]{22}")


def _sources(value: object) -> object:
    if not isinstance(value, str):
        return value
    names = tuple(name.strip() for name in value.split(",") if name.strip())
    if not names or not all(map(_SOURCE.fullmatch, names)) or len(set(names)) < len(names):
        raise ValueError("it should name each source once, such as kworb,deezer or spotify:37i9dQZEVXbMDoHDwVN2tF")
    return names


def _channels(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    channels = {user.strip(): channel.strip() for user, _, channel in pairs}
    if len(channels) < len(pairs) or not all(user and channel for user, channel in channels.items()):
        raise ValueError("it should name a channel for each listener once, such as alex=#alex,bo=U012AB3CD")
    return channels


def _contact(value: str) -> str:
    if not re.fullmatch(r"https?://[!-'*-~]+|[!-'*-?A-~]+@[!-'*-?A-~]+", value):
        raise ValueError("it should be an address such as me@example.org or https://example.org/about")
    return value


def _or_none(value: object) -> object:
    return None if isinstance(value, str) and value.strip().lower() == "none" else value


HttpUrl = Annotated[str, AfterValidator(_http_url)]
# An address that is shown to people and never called.
Link = Annotated[str, AfterValidator(_link)]
# An address that lets whoever knows it post there.
SecretUrl = Annotated[SecretStr, AfterValidator(_secret_url)]


class Settings(BaseSettings):
    """What the environment says. Field names are the variables' names in lower case."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)

    spotify_client_id: str | None = None
    spotify_client_secret: SecretStr | None = None
    spotify_refresh_token: SecretStr | None = None
    spotify_api_url: HttpUrl = "https://api.spotify.com/v1"
    spotify_accounts_url: HttpUrl = "https://accounts.spotify.com"
    spotify_daily_request_budget: Annotated[int | Literal["none"] | None, BeforeValidator(_budget)] = None
    home: Path = Field(default=Path(".spotify_assets"), validation_alias="SPOTIFY_ASSETS_HOME")
    database_url: Annotated[SecretStr, AfterValidator(_postgres_url)] | None = None
    lake_url: Annotated[str, AfterValidator(_lake_url)] | None = None
    lake_start: date = date(2026, 1, 1)
    token_encryption_key: SecretStr | None = None
    kworb_url: HttpUrl = "https://kworb.net"
    deezer_url: HttpUrl = "https://api.deezer.com"
    top_50_sources: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_sources)] = ("kworb", "deezer")
    musicbrainz_url: Annotated[HttpUrl | None, BeforeValidator(_or_none)] = "https://musicbrainz.org/ws/2"
    musicbrainz_contact: Annotated[str, AfterValidator(_contact)] | None = None
    slack_bot_token: SecretStr | None = None
    slack_channel: str | None = None
    slack_webhook_url: SecretUrl | None = None
    slack_api_url: HttpUrl = "https://slack.com/api"
    slack_digest_channels: Annotated[Mapping[str, str], NoDecode, BeforeValidator(_channels)] = Field(
        default_factory=dict
    )
    dagster_ui_url: Link | None = None
    heartbeat_url: SecretUrl | None = None
    clock: str | None = Field(default=None, validation_alias="SPOTIFY_ASSETS_CLOCK")

    @model_validator(mode="after")
    def _a_made_up_time_never_reaches_spotify(self) -> "Settings":
        if self.clock and not is_loopback(self.spotify_api_url):
            raise ValueError(
                "SPOTIFY_ASSETS_CLOCK is set, but SPOTIFY_API_URL is not on this machine; "
                "a made-up time is for the simulator only: unset SPOTIFY_ASSETS_CLOCK"
            )
        return self

    @property
    def home_path(self) -> Path:
        """The home as an absolute path: embedded Postgres, lake folder, keys and Dagster's history lie in it."""
        # Dagster reads .env without expanding variables.
        return Path(os.path.expandvars(self.home)).expanduser().absolute()


def _variable(location: tuple[int | str, ...]) -> str:
    return str(location[0]).upper() if location else ""


def read_settings() -> Settings:
    """Reads the environment now. Raises `SettingsError` with one sentence for the first wrong value."""
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = _variable(first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{name} can't be used: {reason}." if name else f"{reason}.") from None


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read on the first call and kept."""
    return read_settings()
