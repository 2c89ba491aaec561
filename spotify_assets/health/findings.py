"""What a look at one thing found, and looking at many things at once within a bounded time. Knows no thing itself."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from spotify_assets.errors import UserError

Status = Literal["green", "yellow", "red"]
SECONDS = 10.0
AT_ONCE = 16

T = TypeVar("T")


@dataclass(frozen=True)
class Finding:
    """How one thing is: works, works with something to know, or does not. Neither text holds a secret."""

    name: str
    status: Status
    says: str
    remedy: str = ""
    """What to do; empty where nothing is to be done, or where `says` ends with it."""


@dataclass(frozen=True)
class Probe:
    """A look at one thing, which takes 10 seconds at most: it may raise, `look_at_all` does not."""

    name: str
    look: Callable[[], Finding] = field(repr=False)


def look_at_all(probes: Sequence[Probe], seconds: float = SECONDS) -> list[Finding]:
    """Looks at everything, 16 things at once, and returns what was found, in the order given.

    What has not ended after `seconds` for each 16 things is red, and so is what raised.
    """
    if not probes:
        return []
    pool = ThreadPoolExecutor(min(AT_ONCE, len(probes)), thread_name_prefix="probe")
    looks = [pool.submit(probe.look) for probe in probes]
    rounds = -(-len(probes) // AT_ONCE)
    wait(looks, timeout=seconds * rounds)
    # What is still at it ends by itself: a token's refresh that is cut off would cost a person a new login.
    pool.shutdown(wait=False, cancel_futures=True)
    return [_finding(probe, look, seconds) for probe, look in zip(probes, looks, strict=True)]


def _finding(probe: Probe, look: Future[Finding], seconds: float) -> Finding:
    if look.cancelled() or not look.done():
        return Finding(probe.name, "red", f"did not answer within {seconds:g} s", "see that it runs and is reachable")
    raised = look.exception()
    if raised is None:
        return look.result()
    if isinstance(raised, UserError):
        return Finding(probe.name, "red", str(raised))
    # Its text could quote what nobody may read.
    return Finding(probe.name, "red", f"{type(raised).__name__}, a defect of this program", "please report it")
