"""When a login ends."""

from datetime import datetime

import pytest

from spotify_assets.spotify.stored import login_ends


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
