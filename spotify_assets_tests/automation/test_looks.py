"""How often `landed_but_not_loaded` looks where, and asks for what."""

from datetime import UTC, date, datetime, timedelta

from spotify_assets.automation.looks import (
    LONGEST_WAIT,
    Memory,
    days_to_look_at,
    first_span,
    read_cursor,
    write_cursor,
)

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
TODAY = NOW.date()
DAY = timedelta(days=1)


def test_the_last_three_days_are_looked_at_each_time() -> None:
    assert days_to_look_at(Memory(), TODAY) == {TODAY, TODAY - DAY, TODAY - 2 * DAY}


def test_the_past_is_gone_through_once_a_day_a_month_at_a_time() -> None:
    memory, seen, months = Memory(), set(), []
    for _ in range(96):
        memory = memory.next_month(TODAY, date(2025, 11, 20))
        if memory.month:
            months.append(memory.month)
        seen |= days_to_look_at(memory, TODAY)

    assert months == [date(2025, 11, 1), date(2025, 12, 1), date(2026, 1, 1), date(2026, 2, 1), date(2026, 3, 1)]
    assert seen == {date(2025, 11, 1) + number * DAY for number in range((TODAY - date(2025, 11, 1)).days + 1)}
    assert memory.next_month(TODAY + DAY, date(2025, 11, 20)).month == date(2025, 11, 1)


def test_a_past_of_many_years_is_gone_through_although_a_day_ends_meanwhile() -> None:
    memory = Memory(month=date(2020, 5, 1), round_of=TODAY - DAY)
    assert memory.next_month(TODAY, date(2016, 1, 1)) == Memory(month=date(2020, 6, 1), round_of=TODAY - DAY)


def test_what_no_run_can_load_is_asked_for_after_waits_that_double_up_to_a_day() -> None:
    memory, now, waits = Memory(), NOW, []
    for _ in range(9):
        memory = memory.having_asked(["2026-03-02"], now)
        assert not memory.is_due("2026-03-02", now + timedelta(minutes=29))
        waits.append(memory.asked["2026-03-02"].again_at - now)
        now += waits[-1]
        assert memory.is_due("2026-03-02", now)

    assert waits[:3] == [timedelta(minutes=30), timedelta(hours=1), timedelta(hours=2)]
    assert waits[-1] == LONGEST_WAIT


def test_what_was_loaded_is_forgotten_and_what_was_not_looked_at_is_not() -> None:
    memory = Memory().having_asked(["2026-03-02", "2026-03-03", "2025-01-01", "0123456789abcdef"], NOW)

    memory = memory.having_looked_at(days_to_look_at(memory, TODAY), {"2026-03-03"})

    assert set(memory.asked) == {"2026-03-03", "2025-01-01"}


def test_days_without_a_gap_are_one_run() -> None:
    days = [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1), date(2026, 3, 3)]
    assert first_span(reversed(days)) == days[:3]


def test_the_cursor_keeps_all_of_it_and_a_broken_one_is_an_empty_one() -> None:
    memory = Memory(date(2026, 2, 1), TODAY).having_asked(["2026-03-02"], NOW)
    assert read_cursor(write_cursor(memory)) == memory
    assert read_cursor(None) == read_cursor("{") == read_cursor('{"asked": 3}') == Memory()
