"""Who was not asked about for too long, whether the requests last, and how long the plan lets each listener wait."""

from datetime import UTC, datetime, timedelta

import pytest

from spotify_assets.listening import budget_checks
from spotify_assets.listening.asked_checks import Wait, verdict
from spotify_assets.listening.budget_checks import Usage
from spotify_assets.spotify.blocks import Block
from spotify_assets.spotify.budget import DAY, Need, intervals, polls_allowed

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
TICK = 30 * MINUTE


def waits(user_id: str, since: timedelta, planned: timedelta = TICK, *, was_answered: bool = True) -> Wait:
    return Wait(user_id, NOW - since, was_answered, planned)


@pytest.mark.parametrize(
    ("since", "planned", "passes"),
    [
        (HOUR, TICK, True),
        (HOUR + MINUTE, TICK, False),
        (3 * HOUR, 2 * HOUR, True),  # polled less often by plan
        (4 * HOUR + MINUTE, 2 * HOUR, False),
    ],
)
def test_an_hour_or_two_planned_waits_are_the_limit(since: timedelta, planned: timedelta, passes: bool) -> None:
    assert verdict([waits("ada", since, planned), waits("bo", MINUTE)], None, NOW).passed == passes


def test_the_sentence_names_who_since_when_and_what_to_do() -> None:
    found = verdict(
        [
            waits("ada", 2 * HOUR),
            waits("bo", 9 * HOUR, 4 * HOUR),
            waits("cleo", 3 * HOUR, was_answered=False),
            waits("dana", MINUTE),
        ],
        None,
        NOW,
    )
    assert found.says == (
        "Spotify has not been asked about bo for 9.0 h, since 2026-03-04 03:00 UTC (planned is every 4.0 h); "
        "cleo for 3.0 h, at all, though connected; ada for 2.0 h, since 2026-03-04 10:00 UTC. "
        "See the latest runs of `listening` and whether Dagster's daemon runs; `spotify-assets poll` asks now. "
        "Spotify keeps a listener's last 50 plays."
    )


def test_of_many_who_wait_ten_are_named() -> None:
    found = verdict([waits(f"l{number:02}", (2 + number) * HOUR) for number in range(12)], None, NOW)
    assert "l11 for 13.0 h" in found.says
    assert "; and 2 more." in found.says


def test_a_block_is_said_with_its_end() -> None:
    block = Block(NOW + 5 * HOUR, "Spotify's daily limit is reached.")
    assert "stay away until 2026-03-04 17:00 UTC. Spotify's daily limit is reached." in (
        verdict([waits("ada", 2 * HOUR)], block, NOW).says
    )
    assert verdict([waits("ada", MINUTE)], block, NOW).passed


def test_without_listeners_nothing_is_expected() -> None:
    assert verdict([], None, NOW).says == "Nobody is connected."


def test_where_all_polls_fit_everybody_is_polled_at_each_tick() -> None:
    needs = [Need(f"l{number}", None, number + 1) for number in range(10)]
    assert set(intervals(needs, 500).values()) == {TICK}
    assert set(intervals(needs * 30, None).values()) == {TICK}


@pytest.mark.parametrize("rates", [[1.0] * 100, [float(number) for number in range(1, 61)], [1000.0, *[0.1] * 80]])
def test_the_plan_uses_the_day_s_polls_and_the_busiest_wait_least(rates: list[float]) -> None:
    needs = [Need(f"l{number}", None, rate) for number, rate in enumerate(rates)]
    found = intervals(needs, 500)
    assert sum(DAY / wait for wait in found.values()) == pytest.approx(polls_allowed(500))
    assert min(found.values()) >= TICK
    ordered = [found[need.user_id] for need in sorted(needs, key=lambda need: -need.plays_a_day)]
    assert ordered == sorted(ordered)


def used(**changed: object) -> Usage:
    known = {
        "budget": 500,
        "by_purpose": {"polling": 240, "enrichment": 100},
        "used_in_an_hour": 330,
        "waits": {"ada": TICK, "bo": TICK},
        "plays": {"ada": 40.0, "bo": 10.0},
    }
    return Usage(**{**known, **changed})  # type: ignore[arg-type]


def test_who_used_the_requests_is_said() -> None:
    found = budget_checks.verdict(used())
    assert found.passed
    assert found.says == (
        "340 of 500 (68%) requests were made in 24 hours: 100 for enrichment, 240 for polling. "
        "The polls of the next hour fit (4 are due)."
    )
    assert budget_checks.verdict(used(budget=None)).says == (
        "340 requests were made in 24 hours: 100 for enrichment, 240 for polling."
    )


def test_polls_for_which_there_is_no_room_are_at_risk() -> None:
    assert budget_checks.verdict(used(used_in_an_hour=496)).passed
    found = budget_checks.verdict(used(used_in_an_hour=498))
    assert not found.passed
    assert "4 polls are due in the next hour and 2 fit: 2 of them are at risk." in found.says
    assert "0 fit" in budget_checks.verdict(used(used_in_an_hour=900)).says


def test_who_plays_more_between_two_polls_than_spotify_keeps_is_named() -> None:
    found = budget_checks.verdict(used(waits={"ada": 12 * HOUR, "bo": 12 * HOUR}, plays={"ada": 120.0, "bo": 90.0}))
    assert not found.passed
    assert "ada is polled every 12.0 h and plays about 60 in that time: Spotify keeps 50 plays" in found.says


def test_a_block_puts_all_polls_at_risk() -> None:
    found = budget_checks.verdict(used(block=Block(NOW + HOUR, "Too many requests.")))
    assert not found.passed
    assert "until 2026-03-04 13:00 UTC, and every poll until then is left out. Too many requests." in found.says
