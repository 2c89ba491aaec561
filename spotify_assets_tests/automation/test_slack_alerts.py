"""Alerts: real runs in a real history, on SQLite and on Postgres, and what a person then reads on Slack."""

import json
import logging
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
import yaml
from psycopg import conninfo
from pydantic import SecretStr
from pytest_httpserver import HTTPServer

from spotify_assets.automation.alerts.cursor import read_cursor
from spotify_assets.automation.alerts.news import news_of
from spotify_assets.automation.alerts.refusals import NotPosted
from spotify_assets.automation.alerts.runs import End, Finished, Verdict, read_run
from spotify_assets.automation.alerts.sensor import Tick, slack_alerts_sensor
from spotify_assets.automation.alerts.slack import open_slack
from spotify_assets.automation.alerts.words import message_of, ordinal
from spotify_assets.clock import FixedClock, SystemClock
from spotify_assets.errors import SettingsError
from spotify_assets.fetched import REPLAY_TAG
from spotify_assets.settings import Settings, settings
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.simulator.slack import BOT_TOKEN
from spotify_assets.storage.embedded import EmbeddedPostgres
from spotify_assets_tests.automation.alerting import ERROR, UI, Pipeline, Reader, Watch, bot, fails
from spotify_assets_tests.conftest import free_port
from spotify_assets_tests.databases import create_database, database_dsn
from spotify_assets_tests.sizes import size

TABLE = "| listener | played_at |\n| --- | --- |\n| bo | 2026-11-22 10:00 |\n| bo | 2026-11-22 10:04 |\n| cy\\_1 | – |"


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(SimulatorConfig()) as running:
        yield running


@pytest.fixture
def reader(simulator: SimulatorServer) -> Iterator[Reader]:
    yield Reader(simulator)
    simulator.world.slack.messages.clear()
    simulator.world.faults.clear()
    simulator.world.change_app(slack_messages_a_minute=None)


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.local_temp(str(tmp_path)) as made:
        yield made


@pytest.fixture
def watch(instance: dg.DagsterInstance, reader: Reader, tmp_path: Path) -> Watch:
    """After its first tick."""
    made = Watch(instance, bot(reader.simulator, tmp_path / "home"))
    made.tick()
    return made


@pytest.fixture(params=["SQLite", "Postgres"])
def history(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """Dagster's history as `dagster.yaml` configures it."""
    home = tmp_path / "dagster"
    home.mkdir()
    configured: dict[str, object] = {"telemetry": {"enabled": False}}
    if request.param == "Postgres":
        server: EmbeddedPostgres = request.getfixturevalue("postgres_server")
        create_database(server, "dagster_history")
        parts = conninfo.conninfo_to_dict(database_dsn(server, "dagster_history"))
        address = {"username": parts["user"], "password": parts["password"], "hostname": parts["host"]}
        address |= {"db_name": parts["dbname"], "port": int(str(parts["port"])), "scheme": "postgresql+psycopg2"}
        configured["storage"] = {"postgres": {"postgres_db": address}}
    (home / "dagster.yaml").write_text(yaml.safe_dump(configured))
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with dg.DagsterInstance.get() as made:
        assert request.param.lower() in type(made.event_log_storage).__name__.lower()
        yield made


@pytest.mark.filterwarnings("error::DeprecationWarning:spotify_assets")
def test_one_message_a_run_says_what_failed_where_and_why_on_both_kinds_of_history(
    history: dg.DagsterInstance, reader: Reader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pipeline = Pipeline(history)
    for name, value in {**reader.simulator.slack, "DAGSTER_UI_URL": UI, "SPOTIFY_ASSETS_HOME": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    sensor, cursor = slack_alerts_sensor(), None

    def tick() -> str:
        nonlocal cursor
        with dg.build_sensor_context(instance=history, cursor=cursor) as context:
            done = sensor(context)
        assert isinstance(done, dg.SensorResult)
        assert done.skip_reason
        cursor = done.cursor
        return str(done.skip_reason.skip_message)

    pipeline.run(fails("no_nulls"))
    assert tick() == "From now on, runs that fail and checks that fail are told."
    assert tick() == "Nothing ended, and there is nothing new to tell."
    day = {"dagster/partition": datetime.now(UTC).date().isoformat()}
    warned = pipeline.run(fails("every_listener_polled", "bo: run `spotify-assets login bo`.", table=TABLE), tags=day)
    broken = pipeline.run(broken={"raw_plays": "Postgres does not answer; start it."})
    pipeline.run()

    assert tick() == "Told: listening: 1 check failed (1 WARN)."
    assert tick() == "Told: listening failed."
    assert tick() == "Told: listening works again, 1 check passes again."
    assert tick() == "Nothing ended, and there is nothing new to tell."
    first, second, third = reader.messages()
    head, about, check, sentence = first.splitlines()
    assert head == ":large_yellow_circle: *listening: 1 check failed (1 WARN)*"
    partition = f"partition {day['dagster/partition']}"
    assert about.endswith(f" UTC · {partition} · <{UI}/runs/{warned}|run {warned[:8]}> · the run itself went through")
    assert check == ":large_yellow_circle: WARN *raw_plays* · every_listener_polled (listener cy_1)"
    assert sentence == "> bo: run `spotify-assets login bo`."
    assert f"<{UI}/runs/{broken}|run {broken[:8]}>\n> Postgres does not answer; start it.\n" in second
    assert second.endswith(
        "Not looked at, because the run failed: fct_plays · no_nulls, fct_plays · unique_index, "
        "raw_plays · every_listener_polled, raw_plays · keys_are_unique."
    )
    assert third.startswith(":white_check_mark: *listening works again, 1 check passes again* after 1 failure\n")


def test_an_outage_fails_the_ticks_and_loses_nothing_and_a_restart_repeats_nothing(
    watch: Watch, reader: Reader
) -> None:
    pipeline = Pipeline(watch.instance)
    pipeline.run()
    watch.tick()
    reader.break_down(status=503, body="upstream connect error")
    before = watch.cursor
    pipeline.run(fails("no_nulls", severity=ERROR))
    for _ in range(size(3, 120)):  # an hour of ticks
        with pytest.raises(NotPosted, match=r"HTTP 503.*nothing is lost"):
            watch.tick()
    pipeline.run(broken={"raw_plays": "No listener could be polled."})
    assert watch.cursor == before

    reader.come_back()
    restarted = Watch(watch.instance, watch.settings, watch.cursor)
    assert restarted.ticks() == 2
    assert reader.heads() == ["listening: 1 check failed (1 ERROR)", "listening failed"]
    assert Watch(watch.instance, watch.settings, restarted.cursor).ticks() == 0
    assert Watch(watch.instance, watch.settings, before).tick().startswith("Told")
    assert reader.heads()[2:] == ["listening: 1 check failed (1 ERROR)"], "a kill before the cursor repeats one message"


def test_200_checks_that_fail_at_once_are_one_message_that_slack_takes(reader: Reader, tmp_path: Path) -> None:
    long = "one <of> the & rows is wrong " * 60
    verdicts = [
        Verdict(f"model_{number:02d}", f"check_{number:02d}_{each:02d}", False, number < 5, long)
        for number in range(20)
        for each in range(10)
    ]
    run = Finished("0123-4567", "nightly_audit", 0.0, "failed", failure=long, verdicts=tuple(verdicts))
    for kept in (verdicts, verdicts[:8]):
        news, _ = news_of(replace(run, verdicts=tuple(kept)), {})
        slack = open_slack(bot(reader.simulator, tmp_path))
        assert slack
        slack.post(message_of(news, UI))
    grouped, alone = reader.messages()
    assert grouped.startswith(":red_circle: *nightly_audit failed, 200 checks failed (50 ERROR, 150 WARN)*")
    assert ":red_circle: *model_00* · 10 checks (10 ERROR): check_00_00, check_00_01" in grouped
    assert "… and 80 checks on 8 more assets: " in grouped
    assert "one &lt;of&gt; the &amp; rows" in grouped
    assert alone.count(":red_circle: ERROR *model_00*") == 8


def test_a_check_that_flaps_and_a_stopped_run_and_a_retry_are_told_as_little_as_needed(
    watch: Watch, reader: Reader
) -> None:
    pipeline = Pipeline(watch.instance)
    for _ in range(4):
        pipeline.run(fails("no_nulls"))
        pipeline.run()
    assert watch.ticks() == 3
    assert ["passes again" in message for message in reader.messages()] == [False, True, False]
    assert "_(it comes and goes: 2 failures in 2 spells since " in reader.messages()[-1]

    pipeline.run(broken={"raw_plays": "gone"})
    pipeline.run(broken={"raw_plays": "gone"}, tags={"dagster/retry_number": "1"})
    stopped = watch.instance.get_run_by_id(pipeline.run(broken={"fct_plays": "stopped by a person"}))
    assert stopped is not None
    watch.instance.report_run_canceling(stopped)
    assert watch.ticks() == 1
    assert reader.heads()[3:] == ["listening failed"]


def test_what_was_looked_at_is_forgotten_when_it_is_settled(watch: Watch) -> None:
    Pipeline(watch.instance).run()
    watch.tick()
    fresh = read_cursor(watch.cursor)
    assert fresh
    assert len(fresh.handled) == 1

    clock = FixedClock(datetime.now(UTC) + timedelta(minutes=2))
    settled = read_cursor(Tick(watch.instance, watch.settings, clock).run(watch.cursor).cursor)

    assert settled
    assert (settled.after, settled.handled) == (fresh.handled[0][0], ())


def test_a_run_that_dagster_ends_because_its_process_is_gone_is_told_as_failed(watch: Watch, reader: Reader) -> None:
    # What the daemon's monitoring does to such a run; Dagster has no public name for it.
    from dagster._daemon.monitoring.run_monitoring import check_run_timeout

    pipeline = Pipeline(watch.instance)
    lost = watch.instance.create_run_for_job(pipeline.job)
    watch.instance.report_dagster_event(dg.DagsterEvent("PIPELINE_START", lost.job_name), lost.run_id)
    record = watch.instance.get_run_record_by_id(lost.run_id)
    assert record is not None
    check_run_timeout(watch.instance, record, logging.getLogger(), 1e-9)

    assert watch.ticks() == 1
    [message] = reader.messages()
    assert "*listening failed*" in message
    assert "It took longer than `max_runtime_seconds` in dagster.yaml, or its process or machine is gone" in message


@pytest.mark.parametrize(
    ("changed", "fault", "sentence"),
    [
        ({"slack_channel": "#nowhere"}, None, "Slack knows no channel #nowhere that the bot may see: correct SLACK_CH"),
        ({"slack_channel": "#strangers"}, None, "The bot is not in #strangers: invite it there"),
        ({"slack_channel": "#archived"}, None, "The channel #archived is archived: name another one"),
        ({"slack_bot_token": SecretStr("xoxb-canary")}, None, "Slack does not accept SLACK_BOT_TOKEN (invalid_auth)"),
        ({"slack_bot_token": SecretStr("xoxb-\ncanary")}, None, "SLACK_BOT_TOKEN holds what can't be a token"),
        ({"slack_channel": None}, None, "SLACK_BOT_TOKEN is set and SLACK_CHANNEL is not"),
        ({}, {"body": {"ok": False, "error": "missing_scope"}}, "give it the scope chat:write"),
        ({}, {"body": {"ok": False, "error": "odd_canary"}}, "Slack refuses messages (odd_canary): see https://docs"),
        ({}, {"status": 500, "body": {"ok": False, "error": "fatal_error"}}, "can't be reached (HTTP 500)"),
        ({}, {"body": "<html>"}, "can't be reached (no usable answer, HTTP 200)"),
        ({}, {"body": {"ok": False, "error": "invalid_blocks"}}, "does not take this message (invalid_blocks)"),
        ({}, {"cut": True}, "can't be reached ("),
        ({"slack_api_url": "http://127.0.0.1:9/api"}, None, "can't be reached (no connection"),
        ({"webhook": "/slack/services/gone"}, None, "no webhook under SLACK_WEBHOOK_URL (no_service): add a new one"),
        ({"webhook": ""}, {"status": 410, "body": "channel_is_archived"}, "channel of SLACK_WEBHOOK_URL is gone"),
        ({"webhook": ""}, {"status": 403, "body": "action_prohibited"}, "refuses SLACK_WEBHOOK_URL (HTTP 403 action_p"),
        ({"webhook": ""}, {"status": 503}, "can't be reached (HTTP 503)"),
        ({"webhook": ""}, {"status": 400, "body": "invalid_blocks"}, "does not take this message (invalid_blocks)"),
    ],
)
def test_each_refusal_is_a_sentence_with_the_remedy_and_loses_no_alert(
    changed: dict[str, object],
    fault: dict[str, object] | None,
    sentence: str,
    told: SimpleNamespace,
    reader: Reader,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    simulator = reader.simulator
    chosen = bot(simulator, tmp_path / "home", **changed)
    if "webhook" in changed:
        url = f"{simulator.url}{changed['webhook']}" if changed["webhook"] else simulator.slack_webhook_url
        chosen = Settings(SPOTIFY_ASSETS_HOME=tmp_path / "home", slack_webhook_url=SecretStr(url))
    if fault:
        reader.break_down(**fault)
    with (
        caplog.at_level(logging.INFO),
        pytest.raises((NotPosted, SettingsError)) as refused,
    ):
        Watch(told.instance, chosen, told.cursor).tick()
    assert sentence in str(refused.value)
    shown = "".join(traceback.format_exception(refused.value)) + caplog.text
    for secret in ("canary", BOT_TOKEN, "services/"):
        assert secret not in shown.replace("odd_canary", "")
    assert reader.messages() == []

    reader.come_back()
    right = simulator.slack if "webhook" not in changed else {"SLACK_WEBHOOK_URL": simulator.slack_webhook_url}
    mended = Settings(SPOTIFY_ASSETS_HOME=tmp_path, **{name.lower(): value for name, value in right.items()})  # type: ignore[arg-type]
    assert Watch(told.instance, mended, told.cursor).ticks() == 1
    assert reader.heads() == ["listening: 1 check failed (1 WARN)"]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, simulator: SimulatorServer) -> Iterator[SimpleNamespace]:
    """A history with one thing to tell, and the cursor before it."""
    folder = tmp_path_factory.mktemp("history")
    with dg.DagsterInstance.local_temp(str(folder)) as made:
        watch = Watch(made, bot(simulator, folder))
        watch.tick()
        Pipeline(made).run(fails("no_nulls"))
        yield SimpleNamespace(instance=made, cursor=watch.cursor)


def test_a_message_whose_form_slack_refuses_goes_as_text(told: SimpleNamespace, reader: Reader, tmp_path: Path) -> None:
    reader.break_down(body={"ok": False, "error": "invalid_blocks"}, count=1)
    assert Watch(told.instance, bot(reader.simulator, tmp_path), told.cursor).ticks() == 1
    assert reader.messages() == ["listening: 1 check failed (1 WARN)"]


def test_slack_is_left_alone_for_as_long_as_it_asks(told: SimpleNamespace, reader: Reader, tmp_path: Path) -> None:
    chosen = bot(reader.simulator, tmp_path)
    reader.break_down(status=429, headers={"Retry-After": "120"}, body={"ok": False, "error": "ratelimited"}, count=1)
    watch = Watch(told.instance, chosen, told.cursor)
    assert watch.tick() == "Slack asks to wait for 120 s: what is to be told waits as long, and nothing is lost."
    assert watch.tick().startswith("Slack asked to wait for 1")
    assert reader.messages() == []
    later = FixedClock(SystemClock().now() + timedelta(seconds=121))
    Tick(told.instance, chosen, later).run(watch.cursor)
    assert reader.heads() == ["listening: 1 check failed (1 WARN)"]

    reader.simulator.world.slack.calls.clear()
    reader.simulator.world.change_app(slack_messages_a_minute=1)
    webhook = Settings(SPOTIFY_ASSETS_HOME=tmp_path, slack_webhook_url=SecretStr(reader.simulator.slack_webhook_url))
    assert Watch(told.instance, webhook, told.cursor).tick().startswith("Told")
    assert Watch(told.instance, webhook, told.cursor).tick().startswith("Slack asks to wait for ")


def test_without_slack_alerts_are_logged_and_who_configures_it_later_is_told_what_still_fails(
    instance: dg.DagsterInstance, reader: Reader, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pipeline = Pipeline(instance)
    watch = Watch(instance, Settings(SPOTIFY_ASSETS_HOME=tmp_path))
    how = "Slack is not configured, so alerts are only logged: set SLACK_BOT_TOKEN and SLACK_CHANNEL, or SLACK_WEBHOOK_"
    assert how in watch.tick()
    run_id = pipeline.run(fails("no_nulls", "17 rows."))
    with caplog.at_level(logging.WARNING, "spotify_assets"):
        assert how in watch.tick()
    [line] = [record.getMessage() for record in caplog.records if record.name.startswith("spotify_assets")]
    assert "WARN *fct_plays* · no_nulls\n> 17 rows." in line
    assert f"run {run_id}" in line

    configured = Watch(instance, bot(reader.simulator, tmp_path), watch.cursor)
    pipeline.run(fails("no_nulls", "17 rows."))
    assert configured.ticks() == 1
    assert reader.heads() == ["listening: 1 check failed (1 WARN)"]


def test_alerts_need_neither_warehouse_nor_lake(
    told: SimpleNamespace, reader: Reader, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lake").touch()
    gone = {
        **reader.simulator.slack,
        "DATABASE_URL": f"postgresql://a:b@127.0.0.1:{free_port()}/c",
        "LAKE_URL": str(tmp_path / "lake"),
        "SPOTIFY_ASSETS_HOME": str(tmp_path / "lake" / "no_home"),
    }
    for name, value in gone.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    with dg.build_sensor_context(instance=told.instance, cursor=told.cursor) as context:
        slack_alerts_sensor()(context)
    assert reader.heads() == ["listening: 1 check failed (1 WARN)"]


def test_the_heartbeat_beats_for_a_good_tick_though_slack_wants_the_next_message_later(
    instance: dg.DagsterInstance, reader: Reader, tmp_path: Path, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/beat").respond_with_data("OK")
    watch = Watch(instance, bot(reader.simulator, tmp_path, heartbeat_url=SecretStr(httpserver.url_for("/beat"))))
    watch.tick()
    pipeline = Pipeline(instance)
    pipeline.run()
    pipeline.run(fails("no_nulls"))
    reader.break_down(status=429, headers={"Retry-After": "60"})

    said = watch.tick()

    assert "wait" in said
    assert len(httpserver.log) == 1


def test_a_replay_of_today_is_no_tick_that_asked_everybody(watch: Watch) -> None:
    today = {"dagster/partition": datetime.now(UTC).date().isoformat()}
    pipeline = Pipeline(watch.instance)
    for tags, is_live in ((today, True), ({**today, REPLAY_TAG: "true"}, False)):
        read = read_run(watch.instance, End(1, datetime.now(UTC).timestamp(), pipeline.run(tags=tags)))
        assert read
        assert read.is_live is is_live


def test_the_heartbeat_beats_for_a_good_tick_that_is_new_and_told_and_its_failure_fails_nothing(
    instance: dg.DagsterInstance,
    reader: Reader,
    tmp_path: Path,
    httpserver: HTTPServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    httpserver.expect_request("/canary-beat").respond_with_data("OK")
    beats = httpserver.log
    chosen = bot(reader.simulator, tmp_path, heartbeat_url=SecretStr(httpserver.url_for("/canary-beat")))
    watch, pipeline = Watch(instance, chosen), Pipeline(instance)
    watch.tick()
    pipeline.run(broken={"raw_plays": "gone"})
    watch.ticks()
    assert len(beats) == 0, "a bad tick"
    pipeline.run(fails("no_nulls"))
    reader.break_down(status=503)
    with pytest.raises(NotPosted):
        watch.tick()
    assert len(beats) == 0, "nobody would be told of what fails"
    reader.come_back()
    cursor = watch.cursor
    watch.ticks()
    assert len(beats) == 1
    watch.tick()
    assert len(beats) == 1, "nothing ended since"
    long_after = FixedClock(SystemClock().now() + timedelta(hours=2))
    Tick(instance, chosen, long_after).run(cursor)
    assert len(beats) == 1, "a tick of two hours ago says nothing of now"

    httpserver.clear()
    pipeline.run()
    with caplog.at_level(logging.INFO):
        watch.ticks()
    [said] = [record.getMessage() for record in caplog.records if record.name.startswith("spotify_assets")]
    assert said.startswith("HEARTBEAT_URL could not be pinged (HTTP 500): who watches")


def test_numbers_that_sqlite_gives_anew_and_runs_that_were_erased_are_no_trouble(watch: Watch, reader: Reader) -> None:
    pipeline = Pipeline(watch.instance)
    erased = [pipeline.run(fails("no_nulls")) for _ in range(3)]
    assert watch.ticks() == 1
    end = End(0, 0.0, erased[0])
    for run_id in erased:
        watch.instance.delete_run(run_id)
    assert read_run(watch.instance, end) is None
    assert watch.ticks() == 0
    pipeline.run(broken={"raw_plays": "gone"})
    assert watch.ticks() == 1
    assert reader.heads()[1:] == ["listening failed"]


@pytest.mark.parametrize(
    ("number", "said"), [(1, "1st"), (2, "2nd"), (3, "3rd"), (6, "6th"), (11, "11th"), (22, "22nd"), (113, "113th")]
)
def test_ordinals(number: int, said: str) -> None:
    assert ordinal(number) == said


def test_the_cursor_is_json_that_names_nobody(watch: Watch, reader: Reader) -> None:
    Pipeline(watch.instance).run(fails("no_nulls", "bo: gone", table=TABLE))
    watch.ticks()
    assert json.loads(watch.cursor or "")["troubles"]
    assert "bo" not in (watch.cursor or "")
