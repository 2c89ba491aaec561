"""`python -m spotify_assets_tests.fast_daemon CLOCK …` is `dagster-daemon …`, whose watch is the simulator's clock.

The daemon is Dagster's own, with its own loops, threads and storage, and the code location and the runs are processes
that it starts as always. Only what it takes for the time comes from CLOCK, the address of the simulator's clock, and
where it waits for a time to come it looks again after 0.4 seconds. So days go by as fast as a test lets them.
"""

import sys
import threading
import time
from datetime import UTC, datetime, tzinfo
from importlib.metadata import entry_points
from typing import Any

import requests

_LOOK_AGAIN = 0.4
_real_datetime = datetime
_real_time = time.time
_real_wait = threading.Event.wait


class _Watch:
    """What the simulator's clock said last, asked for ten times a second."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._session = requests.Session()
        self.now = self._ask()
        threading.Thread(target=self._follow, daemon=True, name="watch").start()

    def _ask(self) -> float:
        told = self._session.get(self._address, timeout=10).json()["now"]
        return _real_datetime.fromisoformat(told).timestamp()

    def _follow(self) -> None:
        while True:
            time.sleep(0.1)
            # The clock goes before the daemon does, at the end of a test.
            try:
                self.now = self._ask()
            except requests.RequestException:
                return


class _IsAnyDatetime(type):
    """Times that C code makes are of the real class."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _real_datetime)


def set_the_watch(address: str) -> None:
    """From here on this process takes the simulator's time for the time. Comes before Dagster is imported."""
    import datetime as dt

    watch = _Watch(address)

    class Datetime(_real_datetime, metaclass=_IsAnyDatetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return _real_datetime.fromtimestamp(watch.now, tz)

        @classmethod
        def utcnow(cls) -> Any:
            return _real_datetime.fromtimestamp(watch.now, UTC).replace(tzinfo=None)

    def seconds() -> float:
        # gRPC reckons its deadlines by this too, and must not be hurried.
        asks = str(sys._getframe(1).f_globals.get("__name__"))
        return watch.now if asks.startswith("dagster") else _real_time()

    def wait(event: threading.Event, timeout: float | None = None) -> bool:
        return _real_wait(event, timeout if timeout is None else min(timeout, _LOOK_AGAIN))

    # Dagster writes code that names the types of its fields.
    Datetime.__name__ = Datetime.__qualname__ = "datetime"
    dt.datetime = Datetime  # type: ignore[misc]
    time.time = seconds
    threading.Event.wait = wait  # type: ignore[method-assign,assignment]


if __name__ == "__main__":
    set_the_watch(sys.argv.pop(1))
    [script] = entry_points(group="console_scripts", name="dagster-daemon")
    sys.argv[0] = script.name
    script.load()()
