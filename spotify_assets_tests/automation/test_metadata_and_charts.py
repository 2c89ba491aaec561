"""The schedule of the charts and the sensor `metadata_backlog`: why they skip. Their runs: test_by_itself.py."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest

from spotify_assets.automation.backlog import metadata_backlog_sensor
from spotify_assets.automation.charts import charts_schedule


def test_without_a_warehouse_both_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home in which nothing was stored gets no Postgres because somebody looks what is missing."""
    monkeypatch.setenv("SPOTIFY_ASSETS_HOME", str(tmp_path / "home"))
    with dg.build_sensor_context() as sensing:
        looked = metadata_backlog_sensor()(sensing)
    assert isinstance(looked, dg.SkipReason)
    assert looked.skip_message == "Nothing has been stored yet."
    assert not (tmp_path / "home").exists()
    monkeypatch.setenv("DATABASE_URL", "postgresql://a:b@127.0.0.1:9/c")
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEY", "a" * 43 + "=")
    from spotify_assets import settings

    settings.settings.cache_clear()
    skipped = charts_schedule()(dg.build_schedule_context(scheduled_execution_time=datetime.now(UTC)))
    assert isinstance(skipped, dg.SkipReason)
    assert "Postgres at 127.0.0.1" in str(skipped.skip_message)
