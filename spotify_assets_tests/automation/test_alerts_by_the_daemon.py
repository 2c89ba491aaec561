"""A bad hour, run by Dagster's own daemon: what a person reads on Slack, and that it is all, once, and in order."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import dagster as dg

from spotify_assets_tests.automation.alerting import ERROR, WARN, Pipeline, Reader, fails
from spotify_assets_tests.world import World

CODE = """
import dagster as dg

from spotify_assets.automation.alerts.sensor import slack_alerts_sensor
from spotify_assets.automation.digest.job import weekly_digest_job, weekly_digest_schedule


@dg.definitions
def defs():
    return dg.Definitions(
        jobs=[weekly_digest_job()], schedules=[weekly_digest_schedule("* * * * *")], sensors=[slack_alerts_sensor(1)]
    )
"""
PATIENCE = 120.0


def test_dagster_s_daemon_tells_a_bad_hour_once_and_in_order_though_slack_is_away_and_it_is_restarted(
    monday: World, tmp_path: Path
) -> None:
    reader = Reader(monday.simulator)
    home = Path(monday.environment["DAGSTER_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    (tmp_path / "location.py").write_text(CODE)
    monday.settings()
    with dg.DagsterInstance.get() as instance:
        usual = Pipeline(instance)
        many = {f"model_{number:02d}": [f"check_{number:02d}_{each:02d}" for each in range(10)] for number in range(20)}
        wide = Pipeline(instance, many)
        with daemon(monday, tmp_path):
            until(lambda: ticks(instance, "SKIPPED") > 0, tmp_path)
            usual.run(broken={"raw_plays": "No listener could be polled. alex: Spotify can't be reached (HTTP 503)."})
            until(lambda: len(alerts(reader)) == 1, tmp_path)
            until(lambda: len(reader.messages()) == 2, tmp_path)
            reader.break_down(status=503, body="upstream connect error or disconnect")
            for _ in range(3):
                usual.run(fails("every_listener_polled", "alex: Spotify can't be reached (HTTP 503)."))
                usual.run()
            until(lambda: ticks(instance, "FAILURE") > 1, tmp_path)
        refused = ticks(instance, "FAILURE")
        wide.run(
            *(fails(name, "7 rows break the rule.", ERROR if place < 2 else WARN)
              for place, of_it in enumerate(many.values()) for name in of_it)
        )  # fmt: skip
        with daemon(monday, tmp_path):
            until(lambda: ticks(instance, "FAILURE") > refused, tmp_path)
            reader.come_back()
            usual.run(broken={"raw_plays": "Postgres at 127.0.0.1:5432 does not answer; start it."})
            until(lambda: len(alerts(reader)) == 6, tmp_path)
            time.sleep(3)  # two more ticks, which tell nothing
    print(*reader.messages(), sep="\n\n")
    assert heads(alerts(reader)) == [
        "listening failed",
        "listening works again, 1 check failed (1 WARN)",
        "listening: 1 check passes again",
        "listening: 1 check failed (1 WARN)",
        "listening: 200 checks failed (20 ERROR, 180 WARN)",
        "listening failed",
    ]
    [digest] = [message for message in reader.messages() if ":headphones:" in message]
    assert "week, 16 – 22 November 2026*" in digest


def alerts(reader: Reader) -> list[str]:
    return [message for message in reader.messages() if ":headphones:" not in message]


def heads(messages: list[str]) -> list[str]:
    return [message.split("*")[1] for message in messages]


def ticks(instance: dg.DagsterInstance, status: str) -> int:
    """How many ticks of the sensor ended so."""
    return sum(
        tick.status.value == status
        for state in instance.all_instigator_state()
        if state.instigator_name == "slack_alerts"
        for tick in instance.get_ticks(state.instigator_origin_id, state.selector_id)
    )


def until(what: Callable[[], bool], folder: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, (folder / "daemon.log").read_text()[-5000:]
        time.sleep(0.3)


@contextmanager
def daemon(world: World, folder: Path) -> Iterator[None]:
    """Dagster's daemon, stopped in the end as a person stops it."""
    with (folder / "daemon.log").open("ab") as log:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("dagster-daemon"), "run", "-f", "location.py"],
            cwd=folder,
            env=world.environment_of_a_process(),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield
            process.send_signal(signal.SIGTERM)
            process.wait(30)
        finally:
            with suppress(ProcessLookupError):  # it took all that it had started with it
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
