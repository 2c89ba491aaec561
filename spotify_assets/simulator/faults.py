"""What goes wrong on request: outages, odd bodies, cut connections, slow answers. Set by `POST /_sim/faults`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fnmatch import fnmatchcase

from pydantic import BaseModel, ConfigDict, JsonValue


class Fault(BaseModel):
    """One fault. It hits requests whose path matches `path` (a pattern such as `/v1/*`), of `user` where one is given.

    It answers with `status` and `body` (text as it is, all else as JSON) in place of the real answer, or lets the
    request be handled first when `after_handling` is set: the caller never learns what was done. `cut` breaks the
    connection in the middle of the answer. Without `status`, `body` and `cut` it only slows down by `latency_seconds`
    of real time. It ends after `count` hits or at `until` of simulated time.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str = "*"
    user: str | None = None
    status: int | None = None
    body: JsonValue = None
    headers: dict[str, str] = {}
    cut: bool = False
    after_handling: bool = False
    latency_seconds: float = 0
    count: int | None = None
    until: datetime | None = None

    @property
    def replaces_answer(self) -> bool:
        return self.status is not None or self.body is not None or self.cut


@dataclass
class Faults:
    """The faults in force, oldest first."""

    _faults: dict[int, Fault] = field(default_factory=dict)
    _hits: dict[int, int] = field(default_factory=dict)
    _next: int = 1

    def add(self, fault: Fault) -> int:
        """Puts a fault in force and returns its number."""
        number, self._next = self._next, self._next + 1
        self._faults[number], self._hits[number] = fault, 0
        return number

    def clear(self) -> None:
        self._faults.clear()

    def hit(self, path: str, user: str | None, now: datetime) -> Fault | None:
        """The first fault in force for a request, counted as used, or None."""
        for number, fault in self._faults.items():
            if fault.count is not None and self._hits[number] >= fault.count:
                continue
            if fault.until is not None and now >= fault.until.replace(tzinfo=fault.until.tzinfo or UTC):
                continue
            if fnmatchcase(path, fault.path) and fault.user in (None, user):
                self._hits[number] += 1
                return fault
        return None

    def listing(self) -> list[Mapping[str, JsonValue]]:
        """The faults with how often each has hit."""
        return [
            fault.model_dump(mode="json") | {"id": number, "hits": self._hits[number]}
            for number, fault in self._faults.items()
        ]
