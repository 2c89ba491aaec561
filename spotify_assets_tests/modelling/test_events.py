"""What dbt's verdicts say to a person, in Dagster and on Slack."""

from typing import Literal

import dagster as dg
import pytest

from spotify_assets.modelling.events import check_result
from spotify_assets.modelling.runner import NodeResult
from spotify_assets.questions import what_to_expect

SPEC = dg.AssetCheckSpec(
    "no_nulls", asset="fct_plays", description="No row lacks play_id.", metadata=what_to_expect("ERROR", "see the SQL")
)


@pytest.mark.parametrize(
    ("status", "message", "failures", "said"),
    [
        ("pass", "", 0, None),
        ("warn", "Got 1 result, configured to warn if != 0", 1, "Not so in 1 row: No row lacks play_id; see the SQL."),
        (
            "fail",
            "Got 3 results, configured to fail if != 0",
            3,
            "Not so in 3 rows: No row lacks play_id; see the SQL.",
        ),
        ("error", "Database Error\n  out of memory.", None, "Database Error out of memory; see the SQL."),
    ],
)
def test_a_test_that_does_not_pass_says_what_is_wrong_and_what_to_do(
    status: Literal["pass", "warn", "fail", "error"], message: str, failures: int | None, said: str | None
) -> None:
    result = NodeResult("test.x", "no_nulls", status, message, failures, None, 0.1, None)
    assert check_result(result, SPEC).description == said
