"""How often a person is told of the same thing: pure decisions, over days at the real cadence of runs."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from spotify_assets.automation.alerts import memory
from spotify_assets.automation.alerts.cursor import Cursor, read_cursor
from spotify_assets.automation.alerts.memory import Trouble
from spotify_assets.automation.alerts.news import news_of
from spotify_assets.automation.alerts.runs import End, Finished, Verdict
from spotify_assets.automation.alerts.words import message_of

START = datetime(2026, 11, 20, 0, 7, tzinfo=UTC).timestamp()
HALF_HOUR = 1800.0
LATE = "every_listener_polled"


def run(number: int, *failing: str, failure: str = "", says: str = "alex: HTTP 503", **about: Any) -> Finished:
    """The tick of that half hour, in which these checks failed and all others passed."""
    names = {LATE, "keys_are_unique", *failing}
    verdicts = tuple(Verdict("raw_plays", name, name not in failing, False, says) for name in sorted(names))
    return Finished(
        run_id=f"{number:08d}-run",
        job="listening",
        ended_at=START + number * HALF_HOUR,
        outcome="failed" if failure else "good",
        failure=failure,
        verdicts=() if failure else verdicts,
        **about,
    )


def told(runs: Iterable[Finished]) -> list[str]:
    """The messages that these runs make, as a person reads them."""
    remembered: dict[str, Trouble] = {}
    messages = []
    for each in runs:
        news, remembered = news_of(each, remembered)
        if news.is_worth_telling:
            messages.append(message_of(news, None).plain)
    return messages


def test_a_check_that_fails_for_two_days_is_told_at_once_then_at_the_6th_time_then_daily_then_once_as_over() -> None:
    messages = told([*(run(number, LATE) for number in range(96)), *(run(96 + number) for number in range(4))])

    assert len(messages) == 4
    first, sixth, day, over = messages
    assert "1 check failed (1 WARN)" in first
    assert "> alex: HTTP 503" in first
    assert "the 6th time in a row" not in first
    assert "still failing, the 6th time in a row, since 2026-11-20 00:07 UTC; 4 were not told one by one" in sixth
    assert "still failing, the 52nd time in a row" in day
    assert "raw_plays* · every_listener_polled passes again, after 96 failures since 2026-11-20 00:07 UTC." in over


def test_a_check_that_flaps_all_day_is_told_every_six_hours_and_as_over_when_it_has_rested() -> None:
    flapping = [run(number, *([LATE] if number % 2 == 0 else [])) for number in range(48)]
    messages = told([*flapping, *(run(48 + number) for number in range(24))])

    changes = ["passes again", "it comes and goes", "1 check failed"]
    kinds = [next(change for change in changes if change in message) for message in messages]
    assert kinds == [
        "1 check failed",
        "passes again",
        "it comes and goes",
        "it comes and goes",
        "it comes and goes",
        "it comes and goes",
        "passes again",
    ]
    assert "it comes and goes: 8 failures in 8 spells since 2026-11-20 00:07 UTC; 5 were not told" in messages[3]
    assert "passes again, after 24 failures in 24 spells" in messages[-1]


def test_what_gets_worse_or_fails_for_another_reason_is_told_at_once_whatever_its_counts_and_times_are() -> None:
    runs = [
        run(0, failure="Postgres at 10.0.0.1:5432 does not answer (try 1)."),
        run(1, failure="Postgres at 10.0.0.1:5432 does not answer (try 2)."),
        run(2, failure="The lake /data can't be used."),
        run(3, failure="Postgres at 10.0.0.1:5432 does not answer (try 3)."),
        run(4, failure="The lake /data can't be used."),
        run(5),
    ]
    messages = told(runs)

    assert len(messages) == 3
    assert (
        "The lake /data can't be used. _(the 3rd failure since 2026-11-20 00:07 UTC, now for another reason"
        in (messages[1])
    )
    assert "listening works again* after 5 failures" in messages[2]
    worse = news_of(
        Finished("a", "listening", START + 60, "good", verdicts=(Verdict("raw_plays", LATE, False, True, "x"),)),
        news_of(run(0, LATE, says="x"), {})[1],
    )[0]
    assert [each.telling.change for each in worse.checks] == ["worse"]


def test_sentences_that_change_each_time_are_told_four_times_and_then_at_the_usual_pace() -> None:
    messages = told(run(number, LATE, says=f"listener {chr(97 + number)} failed") for number in range(20))

    assert len(messages) == 5
    assert "the 6th time in a row" in messages[-1]


def test_a_retry_is_not_told_again_and_one_whose_first_try_was_not_told_is() -> None:
    assert len(told([run(0, failure="gone"), run(1, failure="gone", is_retry=True)])) == 1
    assert len(told([run(1, failure="gone", is_retry=True)])) == 1
    news, remembered = news_of(run(1, failure="gone", is_retry=True), news_of(run(0, failure="gone"), {})[1])
    assert not news.is_worth_telling
    assert [trouble.fails for trouble in remembered.values()] == [1]


def test_a_backfill_of_a_hundred_days_that_fail_for_one_reason_is_a_few_messages() -> None:
    days = [f"2026-0{1 + number // 28}-{1 + number % 28:02d}" for number in range(100)]
    runs = [run(0, failure="gone", partition=day, is_live=False) for day in days]

    assert len(told(runs)) == 2
    assert len(told([run(0, LATE, partition=day, is_live=False) for day in days])) == 2


def test_a_past_day_that_passes_says_nothing_of_today_and_each_export_is_told_for_itself() -> None:
    past = run(0, partition="2026-01-05", is_live=False)
    assert len(told([run(0, LATE), past, run(1, LATE)])) == 1
    exports = [run(0, LATE, partition=f"alex-{number:012x}", is_live=False) for number in range(3)]
    assert len(told(exports)) == 3


def audit(night: int, *failing: str) -> Finished:
    """The audit of that night: it asks the same checks of all that is stored."""
    return replace(run(48 * night + 6, *failing), job="nightly_audit")


def test_what_only_the_audit_finds_is_over_when_the_audit_says_so_and_told_weekly_until_then() -> None:
    ticks = [run(48 * night + number) for night in range(15) for number in range(48)]
    audits = [audit(night, LATE) for night in range(14)] + [audit(14)]
    messages = told(sorted([*ticks, *audits], key=lambda each: each.ended_at))

    assert ["passes again" in message for message in messages] == [False, False, False, True]
    assert "still failing, the 6th time in a row" in messages[1]
    assert "still failing, the 13th time in a row" in messages[2]
    assert "after 14 failures" in messages[3]


def test_an_import_that_fails_is_told_though_another_one_failed_the_same_way_before() -> None:
    def taken_in(number: int, partition: str, failure: str = "") -> Finished:
        return run(number, failure=failure, partition=partition, is_live=False)

    alex, bo = "alex-0123456789ab", "bo-ba9876543210"
    runs = [taken_in(0, alex, "gone"), taken_in(1, alex), taken_in(10, bo, "gone"), taken_in(11, bo, "gone")]
    assert [("failed" in message, "works again" in message) for message in told(runs)] == [
        (True, False), (False, True), (True, False)
    ]  # fmt: skip
    day = partial(run, partition="2026-01-05", is_live=False)
    assert len(told([day(0, failure="gone"), day(1), day(4, failure="gone")])) == 2


def test_many_that_pass_again_are_counted() -> None:
    names = tuple(f"check_{number}" for number in range(200))
    [_, over] = told([run(0, *names), run(1, *names), all_pass(names)])
    assert over.endswith(":white_check_mark: Passing again: 200 checks, of raw_plays (200).")


def all_pass(names: Iterable[str]) -> Finished:
    """A tick later, in which these checks pass."""
    verdicts = tuple(Verdict("raw_plays", name, True) for name in names)
    return Finished("later", "listening", START + 3 * HALF_HOUR, "good", verdicts=verdicts)


def test_what_is_remembered_is_bounded_names_nobody_and_survives_the_cursor() -> None:
    names = tuple(f"check_{number}" for number in range(1000))
    _, remembered = news_of(run(0, *names, partition="alex-0123456789ab", is_live=False), {})
    cursor = Cursor(7, START, "slack", ((8, "0a1b2c3d"),), 0.0, remembered)

    assert len(remembered) == memory.MOST
    assert len(cursor.written()) < 30_000
    assert "alex" not in cursor.written()
    assert read_cursor(cursor.written()) == cursor
    assert memory.bounded(remembered, START + 40 * 86_400) == {}


@pytest.mark.parametrize("text", [None, "", "{", "[]", '{"after": "x"}', '{"after": 1, "troubles": {"a": [1]}}'])
def test_a_cursor_that_can_t_be_read_is_a_first_start(text: str | None) -> None:
    assert read_cursor(text) is None


def test_an_end_that_postgres_commits_after_a_later_one_is_not_missed() -> None:
    cursor = Cursor(10, START, "slack")
    after = cursor.looked_at(End(12, START + 100, "b"), START + 101, {})
    assert (after.after, after.handled) == (10, ((12, "b"),))
    assert after.has(End(12, START + 100, "b"))
    assert not after.has(End(12, START + 105, "c")), "SQLite gave the number of a deleted run anew"
    settled = after.looked_at(End(11, START + 99, "a"), START + 102, {}).looked_at(End(13, START, "c"), START + 200, {})
    assert (settled.after, settled.handled) == (13, ())
