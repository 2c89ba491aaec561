"""What the next build does, decided without a database."""

import pytest

from spotify_assets.modelling.builds import FinishedBuild, plan

_LAST = FinishedBuild(to_version=7, code_hash="code", raw_rows=30_000)


@pytest.mark.parametrize(
    ("last", "version", "code", "present", "unfinished", "kind"),
    [
        (None, 0, "code", False, [], "full"),
        (None, 7, "code", True, ["code"], "full"),
        (_LAST, 7, "code", True, [], "skip"),
        (_LAST, 7, "code", True, ["code"], "skip"),
        (_LAST, 8, "code", True, [], "incremental"),
        (_LAST, 8, "code", True, ["code"], "incremental"),
        (_LAST, 7, "other", True, [], "full"),
        (_LAST, 9, "other", True, [], "full"),
        (_LAST, 7, "code", False, [], "full"),
        (_LAST, 7, "code", True, ["other"], "full"),
    ],
)
def test_the_plan_follows_from_what_is_finished_and_what_is_there(
    last: FinishedBuild | None, version: int, code: str, present: bool, unfinished: list[str], kind: str
) -> None:
    made = plan(last, version, 30_000, code, present, unfinished)
    assert made.kind == kind
    assert made.reason.endswith(".")
    assert (made.from_version, made.to_version, made.code_hash) == (last.to_version if last else 0, version, code)


@pytest.mark.parametrize(
    ("before", "now", "kind"),
    [(0, 20_000, "incremental"), (0, 20_001, "full"), (100_000, 200_000, "incremental"), (100_000, 200_001, "full")],
)
def test_everything_is_built_where_most_is_new(before: int, now: int, kind: str) -> None:
    assert plan(FinishedBuild(7, "code", before), 8, now, "code", True).kind == kind


@pytest.mark.parametrize(
    ("changed", "all_days", "kind"),
    [(300, 10, "incremental"), (301, 10, "full"), (500, 1000, "incremental"), (501, 1000, "full")],
)
def test_where_most_days_may_have_changed_a_full_build_is_quicker(changed: int, all_days: int, kind: str) -> None:
    made = plan(FinishedBuild(7, "code", 10), 8, 10, "code", True, (), changed, all_days)
    assert made.kind == kind
