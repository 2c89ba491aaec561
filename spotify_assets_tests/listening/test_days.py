"""Which days are fetched, which are loaded again, and which can't be had any more."""

from datetime import date

import pytest

from spotify_assets.listening.days import PastIsGone, asks_spotify, past

MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)


def test_only_today_asks_spotify() -> None:
    assert asks_spotify([TUESDAY], today=TUESDAY, asked_on=TUESDAY, is_replay=False)
    assert not asks_spotify([MONDAY], today=TUESDAY, asked_on=TUESDAY, is_replay=False)


def test_a_run_asked_for_as_today_that_begins_after_midnight_still_asks() -> None:
    assert asks_spotify([MONDAY], today=TUESDAY, asked_on=MONDAY, is_replay=False)


def test_a_replay_and_a_range_ask_nobody() -> None:
    assert not asks_spotify([TUESDAY], today=TUESDAY, asked_on=TUESDAY, is_replay=True)
    assert not asks_spotify([MONDAY, TUESDAY], today=TUESDAY, asked_on=TUESDAY, is_replay=False)


def test_a_past_day_without_pages_fails_only_after_the_first_landing() -> None:
    assert "nothing to load" in past([MONDAY], landed=[], first_landing=None, is_replay=False)
    assert "nothing to load" in past([MONDAY], landed=[], first_landing=TUESDAY, is_replay=False)
    with pytest.raises(PastIsGone, match="2026-03-04, and its plays can't be fetched any more"):
        past([WEDNESDAY], landed=[], first_landing=TUESDAY, is_replay=False)
    assert "1 pages" in past([WEDNESDAY], landed=["key"], first_landing=TUESDAY, is_replay=False)


def test_a_replay_over_days_without_pages_goes_on() -> None:
    assert past([MONDAY, WEDNESDAY], landed=[], first_landing=MONDAY, is_replay=True)
    assert past([WEDNESDAY], landed=[], first_landing=MONDAY, is_replay=True)
