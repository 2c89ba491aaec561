"""The weekly digest: what a listener reads on Monday, and that no week is told twice."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Thread

import dagster as dg
import pytest
from pydantic import SecretStr

from spotify_assets.automation.alerts.words import Message
from spotify_assets.automation.digest.job import nothing_to_post, weekly_digest_job, weekly_digest_schedule
from spotify_assets.automation.digest.posting import post_week, waiting
from spotify_assets.automation.digest.week import Ranked, Week, last_week
from spotify_assets.automation.digest.words import digest_of
from spotify_assets.cli.runs import QUIET, failure_of
from spotify_assets.clock import clock_from
from spotify_assets.settings import Settings, settings
from spotify_assets.spotify.lasting import Login
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.automation.alerting import Reader
from spotify_assets_tests.world import World

WEEK = date(2026, 11, 16)


def run(world: World, **changed: str) -> dg.ExecuteInProcessResult:
    world.settings()
    for name, value in changed.items():
        world.monkeypatch.setenv(name, value)
    settings.cache_clear()
    return weekly_digest_job().execute_in_process(run_config=QUIET, raise_on_error=False)


def test_a_week_is_told_once_with_what_a_person_wants_to_know_and_again_only_where_it_was_not_told(
    monday: World,
) -> None:
    reader = Reader(monday.simulator)
    reader.break_down(status=503)
    first = run(monday)
    assert not first.success
    assert failure_of(first) == (
        "1 of 1 digests were not posted: alex: Slack can't be reached (HTTP 503): what is to be told waits until it is "
        "back, and nothing is lost."
    )
    assert monday.rows("select * from ops.weekly_digests") == []
    reader.come_back()

    chosen = monday.settings()
    assert nothing_to_post(chosen) is None
    users = waiting(monday.warehouse, WEEK)
    assert users == ["alex"]
    both = [
        Thread(target=post_week, args=(chosen, monday.warehouse, clock_from(chosen), WEEK, users)) for _ in range(2)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert run(monday).success
    assert nothing_to_post(chosen) == "Everybody was told of the week from 2026-11-16."
    assert monday.rows("select user_id, week_start from ops.weekly_digests") == [("alex", WEEK)]

    [message] = reader.messages()
    name = monday.rows("select display_name from ops.listeners")[0][0]
    assert message.splitlines() == [
        f":headphones: *{name}'s week, 16 – 22 November 2026*",
        "207 minutes with 54 plays, on 6 days; 130 % more than the week before (90 minutes).",
        "*Most played*",
        "1. Song two – Ben &amp; Co · 45 plays",
        "2. Song &lt;one&gt; – Ada · 9 plays",
        "*Artists* Ben &amp; Co (45), Ada (9)",
        "*Heard for the first time* 1 track; new artists: Ben &amp; Co (45)",
        "*Longest session* 46 min, on Friday",
        "*Streak* music on 3 days in a row",
    ]


def test_where_several_share_a_warehouse_titles_go_only_to_a_channel_of_one_s_own(monday: World) -> None:
    monday.login("bo")
    with monday.warehouse.connect() as connection:
        connection.execute("update ops.listeners set status = 'needs_login' where user_id = 'bo'")
    assert run(monday, SLACK_DIGEST_CHANNELS="bo=#bo").success
    messages = monday.simulator.world.slack.messages
    assert [posted.channel for posted in messages] == ["C0LISTENING", "C0BO"]
    of_alex, of_bo = (posted.shown for posted in messages)
    assert "Song" not in of_alex
    assert "Ben" not in of_alex
    assert "*Heard for the first time* 1 track\n_What was heard is not told here" in of_alex
    assert "Nothing was heard, as far as is known.\n:key: Spotify no longer accepts the login" in of_bo
    assert "run `spotify-assets login bo`" in of_bo


def test_a_week_that_is_not_wholly_known_is_told_as_the_least_that_it_was() -> None:
    now = datetime(2026, 11, 30, 10, 17, tzinfo=UTC)
    login = Login("alex", "connected", now + timedelta(days=5), False, None, None)
    week = Week("Alex", "alex", date(2026, 11, 23), 1, 59_000, 1, False, 60_000, (Ranked("A *song*", 1),), login=login)
    assert shown(digest_of(week, now, with_titles=True)) == [
        ":headphones: *Alex's week, 23 – 29 November 2026*",
        "At least 1 minute with 1 play, on 1 day; 1 minute the week before.",
        "*Most played*",
        "1. A *song* · 1 play",
        ":key: The login ends on 2026-12-05: run `spotify-assets login alex`; nothing that is stored is lost.",
    ]
    whole = Week("Alex", "alex", date(2026, 11, 30), 2, 60_000, 7, True, 60_000)
    assert shown(digest_of(whole, now, with_titles=True)) == [
        ":headphones: *Alex's week, 30 November – 6 December 2026*",
        "1 minute with 2 plays, every day; as much as the week before (1 minute).",
    ]


def shown(message: Message) -> list[str]:
    return message.plain.splitlines()


@pytest.mark.parametrize(
    ("today", "monday"), [("2026-11-23", "2026-11-16"), ("2026-11-29", "2026-11-16"), ("2026-11-30", "2026-11-23")]
)
def test_the_week_is_the_last_that_is_over(today: str, monday: str) -> None:
    assert last_week(date.fromisoformat(today)) == date.fromisoformat(monday)


def test_the_schedule_skips_with_a_reason_where_there_is_nothing_to_tell(
    tmp_path: Path, warehouse: Warehouse, unbuilt_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = Settings(SPOTIFY_ASSETS_HOME=tmp_path)
    assert nothing_to_post(bare) == (
        "Slack is not configured: set SLACK_BOT_TOKEN and SLACK_CHANNEL, or SLACK_WEBHOOK_URL."
    )
    hook = bare.model_copy(update={"slack_webhook_url": SecretStr("https://hooks.slack.com/x")})
    assert nothing_to_post(hook) == "Nothing has been stored yet."
    unbuilt = hook.model_copy(update={"database_url": SecretStr(unbuilt_warehouse.dsn)})
    assert nothing_to_post(unbuilt) == "Nothing has been built yet."
    empty = hook.model_copy(update={"database_url": SecretStr(warehouse.dsn)})
    assert str(nothing_to_post(empty)).startswith("Nobody listened in the week from 2")
    schedule = weekly_digest_schedule()
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("17 10-22 * * 1", "UTC")
    monkeypatch.setenv("SPOTIFY_ASSETS_HOME", str(tmp_path))
    settings.cache_clear()
    with dg.build_schedule_context() as context:
        skipped = schedule.evaluate_tick(context)
    assert (skipped.skip_message or "").startswith("Slack is not configured")
