"""Which days are fetched, which are loaded again, and which can't be had any more."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from spotify_assets.days import PastIsGone, asks_outside, past
from spotify_assets.listening.ledger import DATASET
from spotify_assets.settings import Settings
from spotify_assets.storage.lake import lake_key, open_lake
from spotify_assets.storage.landed import first_landing, in_order_of_fetching, landed_on

GONE = "the world has moved on."
MONDAY, TUESDAY, WEDNESDAY = date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)


def test_only_today_asks_outside() -> None:
    assert asks_outside([TUESDAY], today=TUESDAY, asked_on=TUESDAY, is_replay=False)
    assert not asks_outside([MONDAY], today=TUESDAY, asked_on=TUESDAY, is_replay=False)


def test_a_run_asked_for_as_today_that_begins_after_midnight_still_asks() -> None:
    assert asks_outside([MONDAY], today=TUESDAY, asked_on=MONDAY, is_replay=False)


def test_a_replay_and_a_range_ask_nobody() -> None:
    assert not asks_outside([TUESDAY], today=TUESDAY, asked_on=TUESDAY, is_replay=True)
    assert not asks_outside([MONDAY, TUESDAY], today=TUESDAY, asked_on=TUESDAY, is_replay=False)


def test_a_past_day_without_pages_fails_only_after_the_first_landing() -> None:
    assert "nothing to load" in past([MONDAY], landed=[], first_landing=None, is_replay=False)
    assert "nothing to load" in past([MONDAY], landed=[], first_landing=TUESDAY, is_replay=False, gone=GONE)
    with pytest.raises(PastIsGone, match="2026-03-04, and the world has moved on"):
        past([WEDNESDAY], landed=[], first_landing=TUESDAY, is_replay=False, gone=GONE)
    assert "nothing to load" in past([WEDNESDAY], landed=[], first_landing=TUESDAY, is_replay=False)
    assert "1 pages" in past([WEDNESDAY], landed=["key"], first_landing=TUESDAY, is_replay=False)
    assert "is past" not in past([WEDNESDAY], landed=["key"], first_landing=TUESDAY, is_replay=True), "it may be today"


def test_a_replay_over_days_without_pages_goes_on() -> None:
    assert past([MONDAY, WEDNESDAY], landed=[], first_landing=MONDAY, is_replay=True, gone=GONE)
    assert past([WEDNESDAY], landed=[], first_landing=MONDAY, is_replay=True, gone=GONE)


def test_what_people_and_consoles_leave_in_the_lake_is_passed_over(tmp_path: Path) -> None:
    lake = open_lake(Settings(SPOTIFY_ASSETS_HOME=tmp_path))
    page = lake_key(DATASET, b"{}", datetime(2026, 3, 3, 12, tzinfo=UTC), "anna")
    lake.put(page, b"{}")
    lake.put(f"{DATASET}/user=anna/date=2026-03-03/notes.txt", b"hello")
    lake.put(f"{DATASET}/user=anna/backup/old.json.gz", b"{}")
    assert landed_on(lake, DATASET, [MONDAY, TUESDAY]) == {page}
    assert first_landing(lake, DATASET) == TUESDAY


def test_pages_are_loaded_in_the_order_in_which_they_were_fetched() -> None:
    """After a kill the newest page loaded tells how far the loads came, whoever's page it is."""
    moments = {"zoe": 1, "anna": 3, "ben": 2}
    keys = {n: lake_key(DATASET, b"", datetime(2026, 3, n, tzinfo=UTC), user) for user, n in moments.items()}
    assert in_order_of_fetching(set(keys.values())) == [keys[1], keys[2], keys[3]]
