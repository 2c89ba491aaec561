"""The one clock: every "now" in this project comes from a `Clock` that is passed in; SQL never asks for the time."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol

import requests

from spotify_assets.errors import SettingsError, UserError
from spotify_assets.settings import Settings


class Clock(Protocol):
    """Tells the time. All times are aware and in UTC."""

    @property
    def is_real(self) -> bool:
        """Whether this is the machine's own time."""

    def now(self) -> datetime: ...


@dataclass(frozen=True)
class SystemClock:
    """The machine's time."""

    is_real: bool = True

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass(frozen=True)
class FixedClock:
    """A clock that stands still, for a replay of one moment."""

    at: datetime
    is_real: bool = False

    def now(self) -> datetime:
        return self.at


@dataclass(frozen=True)
class SimulatorClock:
    """The simulator's clock, asked over HTTP, so that every process of a test lives at the same moment."""

    url: str
    is_real: bool = False

    def now(self) -> datetime:
        try:
            answer = requests.get(self.url, timeout=5, proxies={"http": "", "https": ""})
            answer.raise_for_status()
            return datetime.fromisoformat(answer.json()["now"]).astimezone(UTC)
        except (requests.RequestException, ValueError, KeyError) as error:
            raise UserError(
                f"The simulator's clock at {self.url} does not tell the time: start the simulator, or unset "
                "SPOTIFY_ASSETS_CLOCK."
            ) from error


def today(clock: Clock) -> date:
    """The UTC day that it is now: the partition that can still be fetched."""
    return clock.now().date()


def clock_from(settings: Settings) -> Clock:
    """The clock that `SPOTIFY_ASSETS_CLOCK` names: an ISO time, the simulator's clock address, or the real time.

    Raises `SettingsError` for a value that is neither.
    """
    value = settings.clock
    if not value:
        return SystemClock()
    if value.startswith(("http://", "https://")):
        return SimulatorClock(value)
    try:
        at = datetime.fromisoformat(value)
    except ValueError as error:
        raise SettingsError(
            f"SPOTIFY_ASSETS_CLOCK is {value!r}; give an ISO time such as 2026-11-21T12:00:00+00:00, "
            "the simulator's clock address, or leave it unset for the real time."
        ) from error
    return FixedClock(at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC))
