"""A day's plays against the listener's own habit: what is spoken of, when, and what is not."""

from datetime import date, timedelta

import pytest

from spotify_assets.listening.volume import Finding, judge
from spotify_assets.listening.volume_checks import Yesterday, verdict

TUESDAY = date(2026, 3, 10)
DAY = timedelta(days=1)


def habit(plays: int = 30, *, weeks: int = 9, until: date = TUESDAY) -> dict[date, int]:
    """So many plays on each day before `until`, one more or less on every other."""
    return {until - number * DAY: plays + number % 3 for number in range(1, 7 * weeks + 1)}


def judged(counts: dict[date, int], day: date = TUESDAY, *, first: date | None = None) -> Finding:
    return judge(counts, first or min(counts), day)


@pytest.mark.parametrize(
    ("plays", "told"), [(30, False), (8, False), (7, True), (0, True), (96, False), (97, True), (500, True)]
)
def test_far_fewer_and_far_more_than_on_that_weekday_are_told(plays: int, told: bool) -> None:
    finding = judged({**habit(), TUESDAY: plays})
    assert finding.usual is not None
    assert (finding.usual.low, finding.usual.high) == (30, 32)
    assert finding.is_told == told


def test_of_who_came_lately_nothing_is_said() -> None:
    assert judged({**habit(weeks=3), TUESDAY: 0}).usual is None
    assert not judged({**habit(weeks=3), TUESDAY: 0}).is_told
    assert judged({**habit(weeks=4), TUESDAY: 0}).is_told


def test_of_who_listens_little_silence_is_not_told_nor_on_a_weekday_that_is_often_silent() -> None:
    assert not judged({**habit(2), TUESDAY: 0}).is_told
    weekends = {day: plays for day, plays in habit().items() if day.weekday() in (5, 6)}
    assert not judged({**weekends, TUESDAY: 0}, first=TUESDAY - 63 * DAY).is_told
    assert judged({**weekends, TUESDAY: 80}, first=TUESDAY - 63 * DAY).is_told


def test_one_holiday_and_one_party_don_t_change_what_is_usual() -> None:
    counts = habit()
    counts[TUESDAY - 14 * DAY], counts[TUESDAY - 21 * DAY] = 0, 300
    assert judged({**counts, TUESDAY: 0}).is_told
    assert judged({**counts, TUESDAY: 120}).is_told


def test_a_holiday_is_told_on_its_first_day_after_a_week_and_after_four_and_then_no_more() -> None:
    counts = habit(weeks=12)
    told = [number for number in range(100) if judge(counts, min(counts), TUESDAY + number * DAY).is_told]
    assert told == [0, 7, 28]


def test_who_comes_back_from_a_holiday_is_as_usual_and_the_next_silence_is_told_anew() -> None:
    counts = habit(weeks=12)
    back = TUESDAY + 10 * DAY
    counts |= {back + number * DAY: 30 for number in range(3)}
    assert not judged(counts, back).is_told
    assert judged(counts, back + 3 * DAY).is_told


def test_silent_weekends_within_a_spell_neither_end_nor_are_it() -> None:
    """Who listens at work only has no plays at weekends anyway."""
    counts = {day: plays for day, plays in habit(weeks=12).items() if day.weekday() < 5}
    first = min(counts)
    told = [number for number in range(20) if judge(counts, first, TUESDAY + number * DAY).is_told]
    assert told == [0, 7]


def test_who_listens_less_for_good_is_told_of_as_a_spell_and_not_each_day() -> None:
    counts = habit(weeks=12) | {TUESDAY + number * DAY: 6 for number in range(200)}
    told = [number for number in range(200) if judge(counts, min(counts), TUESDAY + number * DAY).is_told]
    assert told == [0, 7, 28]


def test_the_sentence_names_who_how_many_and_what_is_usual() -> None:
    counts = habit(weeks=12)
    days = [
        Yesterday("ada", judge(counts, min(counts), TUESDAY)),
        Yesterday("bo", judge(counts, min(counts), TUESDAY + 7 * DAY)),
        Yesterday("cleo", judge({}, TUESDAY, TUESDAY)),
    ]
    found = verdict(days)
    assert not found.passed
    assert found.says.startswith(
        "ada has 0 plays on Tuesday, 2026-03-10, usually 30 to 32 on that weekday; bo has 0 plays on Tuesday, "
        "2026-03-17, usually 30 to 32 on that weekday, and has been quiet since 2026-03-10. On a holiday nothing is to "
        "do;"
    )
    quiet = Yesterday("ada", judge(counts, min(counts), TUESDAY + 3 * DAY))
    found = verdict([quiet, days[2], Yesterday("eli", judge({**counts, TUESDAY: 31}, min(counts), TUESDAY))])
    assert found.passed
    assert found.says == (
        "The last whole day was as usual for 1 of 3 listeners. For 1 the history of that weekday is too short to say. "
        "ada has been quiet since 2026-03-10, as was told then."
    )
