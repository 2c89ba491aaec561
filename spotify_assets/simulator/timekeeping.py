"""The simulator's own time: the real one, one that stands still, or one that runs from a chosen moment."""

from datetime import UTC, datetime, timedelta


class SimulatedTime:
    """Answers `now()`, always aware and in UTC. All expiry, lateness and windows are measured with it."""

    def __init__(self, at: datetime | None = None, *, running: bool = False) -> None:
        self.set(at, running=running)

    def now(self) -> datetime:
        if self._stands_at is not None:
            return self._stands_at
        return datetime.now(UTC) + self._offset

    def now_ms(self) -> int:
        """Milliseconds since 1970, the unit of the player's cursors."""
        return to_ms(self.now())

    def set(self, at: datetime | None, *, running: bool = False) -> None:
        """Stops the clock at `at`, or lets it run from there; None goes back to the real time."""
        self._offset = timedelta()
        self._stands_at: datetime | None = None
        if at is None:
            return
        at = at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)
        if running:
            self._offset = at - datetime.now(UTC)
        else:
            self._stands_at = at

    def advance(self, by: timedelta) -> None:
        """Moves the clock, standing or running."""
        if self._stands_at is not None:
            self._stands_at += by
        else:
            self._offset += by


def to_ms(moment: datetime) -> int:
    """Whole milliseconds since 1970."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def from_ms(ms: int) -> datetime:
    """An aware UTC time from milliseconds since 1970."""
    return _EPOCH + timedelta(milliseconds=ms)


def iso_ms(ms: int) -> str:
    """As Spotify writes `played_at`: `2026-02-25T20:15:20.497Z`."""
    return from_ms(ms).strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
