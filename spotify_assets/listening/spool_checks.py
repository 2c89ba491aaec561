"""The asset check `nothing_waits_in_the_spool` on `raw_plays`: whether answers wait for the lake for too long."""

from datetime import timedelta

import dagster as dg

from spotify_assets.clock import Clock
from spotify_assets.questions import About, Question, answer, what_to_expect
from spotify_assets.storage.warehouse import Warehouse

WAIT = timedelta(hours=1)
"""The next tick moves what waits, as soon as the lake takes it."""

QUESTION = Question(
    name="nothing_waits_in_the_spool",
    description="No answer has waited for more than an hour in ops.spool, where it lies while the lake is down.",
    query="""
        select lake_key, spooled_at
        from ops.spool
        where spooled_at < %(now)s::timestamptz - %(wait)s
        order by spooled_at
    """,
    columns=("lake_key", "waits since"),
    found="{count} answers have waited for the lake for more than an hour; see with `spotify-assets doctor` what is "
    "wrong with it: they are safe in Postgres, and the next tick moves them once it takes them.",
    severity=dg.AssetCheckSeverity.WARN,
)


def nothing_waits_in_the_spool() -> dg.AssetChecksDefinition:
    """The check."""

    @dg.asset_check(
        asset="raw_plays",
        name=QUESTION.name,
        description=QUESTION.description,
        metadata=what_to_expect(QUESTION.severity.value, QUESTION.remedy),
    )
    def check(warehouse: dg.ResourceParam[Warehouse], clock: dg.ResourceParam[Clock]) -> dg.AssetCheckResult:
        about = About(parameters={"now": clock.now(), "wait": WAIT}, words="the spool")
        return answer(QUESTION, warehouse, about)

    return check
