"""The sensor `slack_alerts`: one message on Slack for each run that failed or whose checks did, as far as it is news.

A tick looks at the runs that ended since the last one, in order, and ends with the first message: the cursor is saved
after it, so a kill in between repeats one message and no more. A message that Slack doesn't take fails the tick and
leaves the cursor, so the next tick begins there again. Needs Dagster's history, and neither warehouse nor lake.
"""

import logging
import time
from dataclasses import dataclass, replace

import dagster as dg

from spotify_assets.automation.alerts.cursor import Cursor, Route, read_cursor
from spotify_assets.automation.alerts.heartbeat import ping
from spotify_assets.automation.alerts.news import news_of
from spotify_assets.automation.alerts.refusals import Wait
from spotify_assets.automation.alerts.runs import Finished, ends_after, newest, read_run
from spotify_assets.automation.alerts.slack import HOW_TO, Slack, open_slack, post
from spotify_assets.automation.alerts.words import Message, message_of
from spotify_assets.clock import Clock, SystemClock
from spotify_assets.settings import Settings, settings

log = logging.getLogger(__name__)
"""Not the tick's own log, which Dagster keeps in files: alerts name listeners, and an erasure doesn't look there."""

RUNS_A_TICK = 50
SECONDS_A_TICK = 20.0
"""Dagster gives a tick a minute; a message may take a quarter of it."""
BEATS = "listening"
LATELY = 3600.0
"""A tick that ended longer ago proves nothing of now."""


def slack_alerts_sensor(seconds: int = 30) -> dg.SensorDefinition:
    """Looks at what ended every so many seconds."""

    @dg.sensor(
        name="slack_alerts",
        minimum_interval_seconds=seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells on Slack which runs and checks failed, for how long, and what works again.",
    )
    def slack_alerts(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        # Dagster's history is written in the machine's time, whatever the clock of the pipeline says.
        tick = Tick(context.instance, settings(), SystemClock())
        return tick.run(context.cursor)

    return slack_alerts


@dataclass(frozen=True)
class Tick:
    """One look at what ended."""

    instance: dg.DagsterInstance
    settings: Settings
    clock: Clock

    def run(self, cursor: str | None) -> dg.SensorResult:
        """Tells the first news, if there is any, and how far it came. Raises `NotPosted` where Slack took nothing."""
        slack = open_slack(self.settings)
        now = self.clock.now().timestamp()
        route: Route = "slack" if slack else "log"
        place = read_cursor(cursor)
        if place is None:
            # What ended before the first start is history.
            place = Cursor(newest(self.instance), now, route)
            return _result(place, "From now on, runs that fail and checks that fail are told.", slack)
        if place.route != route:
            # Who only now reads along has been told nothing yet.
            place = replace(place, route=route, troubles={})
        if now < place.wait_until:
            return _result(place, f"Slack asked to wait for {place.wait_until - now:.0f} s more.", slack)
        return self._look(place, slack, now)

    def _look(self, place: Cursor, slack: Slack | None, now: float) -> dg.SensorResult:
        until = time.monotonic() + SECONDS_A_TICK
        most = RUNS_A_TICK + len(place.handled)
        runs, told, beat = 0, "", False
        for end in ends_after(self.instance, place.after, place.since, most):
            if place.has(end):
                place = place.looked_at(end, now, place.troubles)  # by now it may be settled
                continue
            if runs == RUNS_A_TICK or time.monotonic() > until:
                break
            runs += 1
            run = read_run(self.instance, end)
            troubles = dict(place.troubles)
            if run is not None:
                news, troubles = news_of(run, place.troubles)
                if news.is_worth_telling:
                    message = message_of(news, self.settings.dagster_ui_url)
                    try:
                        self._tell(slack, message)
                    except Wait as wait:
                        self._beat(beat)
                        return _result(replace(place, wait_until=now + wait.seconds), str(wait), slack)
                    told = message.text
                beat = beat or _is_good_tick(run, now)
            place = place.looked_at(end, now, troubles)
            if told:
                break
        self._beat(beat)
        if told:
            return _result(place, f"{'Told' if slack else 'Logged'}: {told}.", slack)
        ended = "Nothing ended" if not runs else "1 run ended" if runs == 1 else f"{runs} runs ended"
        return _result(place, f"{ended}, and there is nothing new to tell.", slack)

    def _beat(self, is_alive: bool) -> None:
        url = self.settings.heartbeat_url
        if is_alive and url is not None and (problem := ping(url)):
            log.warning(problem)

    def _tell(self, slack: Slack | None, message: Message) -> None:
        if slack:
            post(slack, message)
        else:
            log.warning(message.plain)


def _is_good_tick(run: Finished, now: float) -> bool:
    return run.job == BEATS and run.outcome == "good" and now - run.ended_at < LATELY


def _result(place: Cursor, said: str, slack: Slack | None) -> dg.SensorResult:
    reason = said if slack else f"{said} Slack is not configured, so alerts are only logged: {HOW_TO}."
    return dg.SensorResult(skip_reason=reason, cursor=place.written())
