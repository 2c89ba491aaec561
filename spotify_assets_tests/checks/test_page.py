"""docs/checks.md tells of the checks that there are."""

from pathlib import Path

import pytest

from spotify_assets.definitions import defs
from spotify_assets_tests.checks.page import all_checks, tables, written
from spotify_assets_tests.world import prepare


def test_the_page_has_each_check_with_its_question_its_severity_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPOTIFY_ASSETS_HOME", str(tmp_path))
    prepare(tmp_path)
    definitions = defs()
    assert written() == tables(definitions), "run: python -m spotify_assets_tests.checks.page"
    untold = [
        name
        for name, spec in all_checks(definitions).items()
        if not (spec.description and str(spec.metadata["what_to_do"]) and str(spec.metadata["severity"]))
    ]
    assert untold == []
