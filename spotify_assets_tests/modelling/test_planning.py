"""What the next build does, decided without a database."""

import pytest

from spotify_assets.modelling.builds import FinishedBuild, plan

_LAST = FinishedBuild(to_version=7, code_hash="code")


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
    made = plan(last, version, code, present, unfinished)
    assert made.kind == kind
    assert made.reason.endswith(".")
    assert (made.from_version, made.to_version, made.code_hash) == (last.to_version if last else 0, version, code)
