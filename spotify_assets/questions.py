"""Asset checks that are questions to the stored rows: a query returns the offending ones, a sentence says what next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import dagster as dg

from spotify_assets.markdown import markdown_table
from spotify_assets.storage.sharing import is_shared
from spotify_assets.storage.warehouse import Warehouse

MOST = 100
"""So many offences are fetched at most; ten are shown."""
PARTITION_TAG = "dagster/partition"
WHAT_TO_DO = "what_to_do"


@dataclass(frozen=True)
class Question:
    """A check as data: `query` returns one row for each offence.

    `found` says what is wrong, then, behind a semicolon, what comes of it or what to do; it may hold `{count}`.
    """

    name: str
    description: str
    query: str
    columns: tuple[str, ...]
    found: str
    severity: dg.AssetCheckSeverity
    blocking: bool = False
    tells_of_listening: bool = True
    """Whether the rows tell what somebody played: they are shown only where one listener's plays are kept."""

    @property
    def remedy(self) -> str:
        """What follows, or what to do."""
        return self.found.partition("; ")[2]


def what_to_expect(severity: str, remedy: str) -> dict[str, str]:
    """What a check says of itself before it ever failed, for its definition; docs/checks.md shows it."""
    return {"severity": severity, WHAT_TO_DO: remedy}


@dataclass(frozen=True)
class Verdict:
    """What a pure function found of what it was given: whether all is well, and a sentence either way."""

    passed: bool
    says: str

    def as_warning(self) -> dg.AssetCheckResult:
        """The result of a check after which a person should look, and nothing else need stop."""
        return dg.AssetCheckResult(passed=self.passed, severity=dg.AssetCheckSeverity.WARN, description=self.says)


@dataclass(frozen=True)
class About:
    """What a check is asked about: CTEs that the questions read, their parameters, and it in words."""

    ctes: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    words: str = "everything that is stored"


def answer(question: Question, warehouse: Warehouse, about: About) -> dg.AssetCheckResult:
    """Asks: passed, or the sentence, the count and the first rows."""
    with warehouse.connect() as connection:
        may_show = not (question.tells_of_listening and is_shared(connection))
        rows = connection.execute(
            f"{about.ctes} {question.query} limit {MOST}".encode(), dict(about.parameters)
        ).fetchall()
    count = f"{len(rows)} or more" if len(rows) == MOST else str(len(rows))
    return dg.AssetCheckResult(
        passed=not rows,
        severity=question.severity,
        description=question.found.format(count=count) if rows else f"Nothing wrong in {about.words}.",
        metadata={"found": dg.MetadataValue.md(markdown_table(question.columns, rows[:10]))}
        if rows and may_show
        else {},
    )


def nothing_is_quarantined(landed: str, things: str, remedy: str) -> Question:
    """Whether all in the objects of the CTE `landed` (lake_key) could be read; `remedy` says how the rest will load."""
    return Question(
        name="nothing_is_quarantined",
        description=f"Everything in the {things} could be read.",
        query=f"""
            select q.lake_key, q.position, q.reason
            from raw.quarantine as q
            where q.lake_key in (select lake_key from {landed})
        """,
        columns=("lake_key", "where", "why"),
        found=f"{{count}} things in the {things} could not be read; the rest is loaded, and they {remedy}.",
        severity=dg.AssetCheckSeverity.WARN,
    )


def check_of(asset: str, question: Question, about: Callable[[str | None], About]) -> dg.AssetChecksDefinition:
    """The check on an asset. `about` is given the partition of the run, or None for a run without one."""

    @dg.asset_check(
        asset=asset,
        name=question.name,
        description=question.description,
        blocking=question.blocking,
        metadata=what_to_expect(question.severity.value, question.remedy),
    )
    def check(context: dg.AssetCheckExecutionContext, warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
        return answer(question, warehouse, about(context.run.tags.get(PARTITION_TAG)))

    return check
