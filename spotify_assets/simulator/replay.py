"""Recorded polls of recently-played: reading the file, and finding the answer that was true at a moment."""

import json
import lzma
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class RecordedPoll:
    """One recorded answer: when it was fetched (aware, UTC), and its body as the simulator sends it."""

    polled_at: datetime
    body: bytes


def recorded_polls(path: Path) -> list[RecordedPoll]:
    """Reads a `.jsonl.xz` of `{polled_at, commit, body}` lines, in the order of `polled_at`."""
    polls = []
    with lzma.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            body = json.dumps(record["body"], ensure_ascii=False, separators=(",", ":")).encode()
            polls.append(RecordedPoll(datetime.fromisoformat(record["polled_at"]), body))
    return sorted(polls, key=lambda poll: poll.polled_at)


class Replay:
    """Answers recently-played from recorded polls."""

    def __init__(self, path: Path) -> None:
        self.polls = recorded_polls(path)
        self._times = [poll.polled_at for poll in self.polls]

    def body_at(self, now: datetime) -> bytes | None:
        """The newest body that was recorded at or before `now`, or None before the first."""
        number = bisect_right(self._times, now)
        return self.polls[number - 1].body if number else None
