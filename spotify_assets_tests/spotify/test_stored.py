"""When a login ends, and the lock on it."""

from datetime import datetime

import pytest

from spotify_assets.spotify import stored
from spotify_assets.spotify.stored import LoginBusy, lock_login, login_ends
from spotify_assets.storage.warehouse import Warehouse


@pytest.mark.parametrize(
    ("consented", "ends"),
    [
        ("2026-01-15", "2026-07-15"),
        ("2026-06-30", "2026-12-30"),
        ("2026-07-01", "2027-01-01"),
        ("2026-08-31", "2027-02-28"),
        ("2027-08-31", "2028-02-29"),
        ("2027-08-29", "2028-02-29"),
        ("2028-02-29", "2028-08-29"),
        ("2026-12-31", "2027-06-30"),
    ],
)
def test_a_login_ends_six_calendar_months_after_the_consent(consented: str, ends: str) -> None:
    at = "T12:34:56.789+00:00"
    assert login_ends(datetime.fromisoformat(consented + at)) == datetime.fromisoformat(ends + at)


def test_whoever_waits_too_long_for_a_login_gets_a_sentence(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "LOCK_WAIT", "50ms")
    with warehouse.connect() as holder:
        lock_login(holder, "alex", until="commit")
        with pytest.raises(LoginBusy, match="login of listener alex"), warehouse.connect() as waiting:
            lock_login(waiting, "alex", until="commit")
        with warehouse.connect() as other:
            lock_login(other, "bo", until="commit")
