"""A probe that crashes or hangs is one red line among the others; what is known of a login has a colour."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from spotify_assets.errors import UserError
from spotify_assets.health.findings import Finding, Probe, look_at_all
from spotify_assets.health.spotify import judged
from spotify_assets.spotify.lasting import Login

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
DAY = timedelta(days=1)
GRANTED = frozenset({"user-read-recently-played"})


def _good() -> Finding:
    return Finding("good", "green", "works")


def _crashes() -> Finding:
    raise RuntimeError("canary")


def _fails() -> Finding:
    raise UserError("It is broken: mend it.")


def _hangs() -> Finding:
    time.sleep(2)
    return _good()


def test_every_probe_gets_its_line_whatever_becomes_of_it() -> None:
    began = time.monotonic()

    found = look_at_all(
        [Probe("crashes", _crashes), Probe("hangs", _hangs), Probe("fails", _fails), Probe("good", _good)], seconds=0.5
    )

    assert time.monotonic() - began < 1.5
    assert found == [
        Finding("crashes", "red", "RuntimeError, a defect of this program", "please report it"),
        Finding("hangs", "red", "did not answer within 0.5 s", "see that it runs and is reachable"),
        Finding("fails", "red", "It is broken: mend it."),
        Finding("good", "green", "works"),
    ]


def test_many_probes_share_sixteen_threads_and_get_the_time_for_it() -> None:
    def slow() -> Finding:
        time.sleep(0.3)
        return _good()

    found = look_at_all([Probe("slow", slow)] * 40, seconds=0.5)

    assert [finding.status for finding in found] == ["green"] * 40


def login(ends_in: timedelta = 90 * DAY, **known: object) -> Login:
    facts: dict[str, object] = {
        "user_id": "alex",
        "status": "connected",
        "ends_at": NOW + ends_in,
        "is_guess": False,
        "scopes": GRANTED,
        "polled_at": NOW,
        **known,
    }
    return Login(**facts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("known", "why_not", "status", "sentence"),
    [
        (login(), None, "green", "the login works; all scopes granted; lasts until 2026-05-31; Extended; last poll"),
        (login(is_guess=True), None, "green", "lasts until 2026-05-31 at the latest"),
        (login(scopes=None), None, "green", "scopes not known yet"),
        (login(30 * DAY), None, "yellow", "2026-04-01"),
        (login(30 * DAY + timedelta(seconds=1)), None, "green", "2026-04-01"),
        (login(DAY), None, "red", "2026-03-03"),
        (login(-DAY), None, "red", "2026-03-01"),
        (login(polled_at=None), None, "yellow", "never polled yet"),
        (login(polled_at=NOW - 2 * DAY), None, "yellow", "last poll 2026-02-28 06:00 UTC"),
        (login(scopes=frozenset({"other"})), None, "red", "lacks user-read-recently-played"),
        (login(), "not asked, since it rains", "yellow", "not asked, since it rains; all scopes granted"),
        (login(DAY), "not asked, since it rains", "red", "not asked, since it rains"),
    ],
)
def test_what_is_known_of_a_login_has_a_colour(known: Login, why_not: str | None, status: str, sentence: str) -> None:
    found = judged("Spotify: alex", known, "Extended", NOW, why_not)
    assert found.status == status
    assert sentence in found.says
    assert bool(found.remedy) == (status != "green" and not (why_not and status == "yellow"))
