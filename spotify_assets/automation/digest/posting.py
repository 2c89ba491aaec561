"""Posting the digests of a week: each listener's once, whoever starts it and however often."""

from dataclasses import dataclass
from datetime import date

import psycopg

from spotify_assets.automation.alerts.refusals import NotPosted
from spotify_assets.automation.alerts.slack import open_slack, post
from spotify_assets.automation.digest.week import is_built, listeners_of, week_of
from spotify_assets.automation.digest.words import digest_of
from spotify_assets.clock import Clock
from spotify_assets.errors import SettingsError
from spotify_assets.settings import Settings
from spotify_assets.storage.sharing import is_shared
from spotify_assets.storage.warehouse import Warehouse


@dataclass(frozen=True)
class Posting:
    """What came of it: how many were posted now, and by listener why the others were not."""

    posted: int
    problems: dict[str, str]


def waiting(warehouse: Warehouse, week: date) -> list[str] | str:
    """Whose digest of that week is still to be posted; a sentence where that is nobody's."""
    with warehouse.connect() as connection:
        if not is_built(connection):
            return "Nothing has been built yet."
        everybody = listeners_of(connection, week)
        done = connection.execute("select user_id from ops.weekly_digests where week_start = %s", (week,)).fetchall()
    left = sorted({*everybody} - {user_id for (user_id,) in done})
    if not everybody:
        return f"Nobody listened in the week from {week}."
    return left or f"Everybody was told of the week from {week}."


def post_week(settings: Settings, warehouse: Warehouse, clock: Clock, week: date, users: list[str]) -> Posting:
    """Posts the digests of these listeners that were not posted yet; one that fails stops no other."""
    problems = {}
    posted = 0
    for user_id in users:
        with warehouse.connect() as connection:
            try:
                posted += _post_one(connection, settings, clock, week, user_id)
            except (NotPosted, SettingsError) as problem:
                connection.rollback()
                problems[user_id] = str(problem)
    return Posting(posted, problems)


def _post_one(connection: psycopg.Connection, settings: Settings, clock: Clock, week: date, user_id: str) -> bool:
    """Posts and notes it in one transaction: a second run waits for the first, and finds it noted."""
    noted = connection.execute(
        "insert into ops.weekly_digests (user_id, week_start, posted_at) values (%s, %s, %s) on conflict do nothing",
        (user_id, week, clock.now()),
    )
    if not noted.rowcount:
        return False
    own = settings.slack_digest_channels.get(user_id) if settings.slack_bot_token else None
    told = digest_of(
        week_of(connection, user_id, week, settings.spotify_api_url),
        clock.now(),
        with_titles=own is not None or not is_shared(connection),
    )
    slack = open_slack(settings, own)
    if slack is None:
        raise SettingsError("Slack is not configured.")
    post(slack, told)
    connection.commit()
    return True
