"""What the simulated Slack has taken and remembers of its callers."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class Posted:
    """A message as Slack took it. `at` is simulated time, `blocks` are the texts of its blocks."""

    at: datetime
    channel: str
    text: str
    blocks: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """What a person reads: the blocks where there are any, else the text."""
        return "\n".join(self.blocks) or self.text


@dataclass
class Workspace:
    """The messages, oldest first, and `time.monotonic()` of each call, by which Slack counts."""

    messages: list[Posted] = field(default_factory=list)
    calls: list[float] = field(default_factory=list)
