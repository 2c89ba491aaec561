"""What is worth telling of a run that ended, given what was told before. Decides, and does nothing."""

from dataclasses import dataclass

from spotify_assets.automation.alerts import memory
from spotify_assets.automation.alerts.memory import Memory, Telling, Trouble
from spotify_assets.automation.alerts.runs import EVERYTHING, PAST, Finished, Verdict

ONE_BACKFILL = 3600.0
"""Of a backfill's runs each is about another day, and one reason is behind all that fail: within an hour, say."""


@dataclass(frozen=True)
class Told:
    """A check that failed or passes again, with what is told of it."""

    verdict: Verdict
    telling: Telling

    @property
    def is_over(self) -> bool:
        return self.telling.change == "passes again"


@dataclass(frozen=True)
class News:
    """What one message says of one run: of the run itself, where it failed or works again, and of its checks."""

    run: Finished
    itself: Telling | None
    checks: tuple[Told, ...]

    @property
    def is_worth_telling(self) -> bool:
        return bool(self.itself or self.checks)

    @property
    def failing(self) -> list[Told]:
        """The checks that failed, errors first."""
        failing = [told for told in self.checks if not told.is_over]
        return sorted(failing, key=lambda told: (not told.verdict.is_error, told.verdict.asset, told.verdict.check))

    @property
    def passing(self) -> list[Told]:
        return [told for told in self.checks if told.is_over]


def news_of(run: Finished, before: Memory) -> tuple[News, dict[str, Trouble]]:
    """What to tell, and what to remember once it is told."""
    notes = _Notes(run, dict(before))
    itself = None
    if run.outcome != "canceled":
        itself = notes.note(
            memory.key_of("run", run.job, run.scope),
            passed=run.outcome == "good",
            says=run.failure,
            is_error=True,
        )
    checks = []
    for verdict in run.verdicts:
        telling = notes.note(
            memory.key_of("check", verdict.asset, verdict.check, run.scope),
            passed=verdict.passed,
            says=verdict.says,
            is_error=verdict.is_error,
        )
        if telling:
            checks.append(Told(verdict, telling))
    return News(run, itself, tuple(checks)), memory.bounded(notes.memory, run.ended_at)


@dataclass
class _Notes:
    """The memory while one run is looked at."""

    run: Finished
    memory: dict[str, Trouble]

    def note(self, key: str, *, passed: bool, says: str, is_error: bool) -> Telling | None:
        before, now, scope = self.memory.get(key), self.run.ended_at, self.run.scope
        if scope == PAST and before and now - before.failed_at > ONE_BACKFILL:
            before = None
        if not passed:
            if before and before.row and self.run.is_retry:
                return None  # the first try was told or counted
            remind = memory.WEEKLY if scope == EVERYTHING else memory.DAILY
            reason = memory.reason_of(says)
            self.memory[key], telling = memory.failed(before, now, reason, is_error=is_error, remind=remind)
            return telling
        # That one past day passes says nothing of another.
        if before is None or scope == PAST:
            return None
        after, telling = memory.passed(before, now)
        if after is None:
            del self.memory[key]
        else:
            self.memory[key] = after
        return telling
