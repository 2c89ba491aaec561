"""Asset checks on `raw_plays`: each asks the stored rows, not the run that stored them.

In a run for one partition a check reads what was fetched on that day; started without a partition, it reads all.
"""

from datetime import date

import dagster as dg

from spotify_assets.listening.asked_checks import listeners_are_asked_about
from spotify_assets.listening.assets import COLUMNS
from spotify_assets.listening.budget_checks import requests_last_the_day
from spotify_assets.listening.ledger import DATASET
from spotify_assets.listening.login_checks import logins_last
from spotify_assets.listening.spool_checks import nothing_waits_in_the_spool
from spotify_assets.listening.volume_checks import volume_is_as_usual
from spotify_assets.questions import PARTITION_TAG, About, Question, check_of, nothing_is_quarantined, what_to_expect
from spotify_assets.storage.lake import Lake, is_key
from spotify_assets.storage.landed import landed_on, not_loaded
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets.table_checks import table_check

EARLIEST = "2006-04-23"
"""Spotify was founded then: a play before that day is a wrong time."""

# The pages of the partition (all pages where none is given), and the plays that they were the first to hold.
_OF_THE_PARTITION = """
    with fetched as (
        select lake_key, user_id, fetched_at, first_played_at, last_played_at
        from ops.landed_objects
        where dataset = 'recently_played'
            and (%(day)s::date is null or (
                fetched_at >= %(day)s::date::timestamp at time zone 'UTC'
                and fetched_at < (%(day)s::date + 1)::timestamp at time zone 'UTC'
            ))
    ),
    spans as (
        select user_id, min(first_played_at) as first_played_at, max(last_played_at) as last_played_at
        from fetched
        group by user_id
    ),
    plays as (
        select p.*
        from raw.plays as p
        inner join spans as s
            on s.user_id = p.user_id and p.played_at between s.first_played_at and s.last_played_at
        where p.lake_key in (select lake_key from fetched)
    )
"""


QUESTIONS = (
    Question(
        name="keys_are_unique",
        description="No play is stored twice: listener, end of the play and track together are unique.",
        query="""
            select user_id, played_at, track_id, count(*)
            from raw.plays
            where (user_id, played_at) in (select user_id, played_at from plays)
            group by user_id, played_at, track_id
            having count(*) > 1
        """,
        columns=("listener", "played_at", "track", "rows"),
        found="{count} plays are stored more than once; rebuild the primary key of raw.plays and replay the day.",
        severity=dg.AssetCheckSeverity.ERROR,
        blocking=True,
    ),
    Question(
        name="nothing_is_in_the_future",
        description="No play ended later than two minutes after the moment at which Spotify reported it.",
        query="""
            select plays.user_id, plays.played_at, plays.track_id, fetched.fetched_at
            from plays
            inner join fetched using (lake_key)
            where plays.played_at > fetched.fetched_at + interval '2 minutes'
        """,
        columns=("listener", "played_at", "track", "fetched_at"),
        found="{count} plays end after the moment they were reported; check this machine's clock.",
        severity=dg.AssetCheckSeverity.WARN,
    ),
    Question(
        name="times_are_plausible",
        description="Plays end after Spotify was founded, and no listener has five plays that end in the same second.",
        query=f"""
            select p.user_id, p.played_at, count(distinct q.track_id), 'end in one second'
            from plays as p
            inner join raw.plays as q
                on q.user_id = p.user_id
                and q.played_at >= date_trunc('second', p.played_at)
                and q.played_at < date_trunc('second', p.played_at) + interval '1 second'
            group by p.user_id, p.played_at
            having count(distinct (q.played_at, q.track_id)) > 4
            union all
            select user_id, played_at, 1, 'before Spotify was founded'
            from plays
            where played_at < '{EARLIEST}'
        """,
        columns=("listener", "played_at", "plays", "why"),
        found="{count} plays end at moments that can't be true; look at their lake objects.",
        severity=dg.AssetCheckSeverity.WARN,
    ),
    Question(
        name="late_plays_come_within_five_days",
        description="No play came more than five days late: behind newer ones that a poll had shown before.",
        query="""
            select plays.user_id, plays.played_at, plays.track_id, fetched.fetched_at
            from plays
            inner join fetched using (lake_key)
            inner join ops.listeners as listeners on listeners.user_id = plays.user_id
            where
                fetched.fetched_at > plays.played_at + interval '5 days'
                -- The first answer shows what was played long before.
                and plays.played_at > listeners.connected_at
                and exists (
                    select
                    from ops.landed_objects as earlier
                    where
                        earlier.dataset = 'recently_played'
                        and earlier.user_id = plays.user_id
                        and earlier.fetched_at > plays.played_at
                        and earlier.fetched_at < fetched.fetched_at
                        and earlier.first_played_at <= plays.played_at
                        and earlier.last_played_at >= plays.played_at
                )
        """,
        columns=("listener", "played_at", "track", "came"),
        found="{count} plays came more than five days after they ended, when marts.coverage no longer called that time "
        "provisional; others may have come too late for any poll: ask Spotify for the extended streaming history.",
        severity=dg.AssetCheckSeverity.WARN,
    ),
    nothing_is_quarantined("fetched", "landed pages", "load on replay once the parser can read them"),
)


def about(day: str | None) -> About:
    """What was fetched on a UTC day, or ever."""
    words = f"what was fetched on {day}" if day else "everything that was ever fetched"
    return About(_OF_THE_PARTITION, {"day": day}, words)


def _landed_and_not_loaded() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="raw_plays",
        name="everything_landed_is_loaded",
        description="Every page that lies in the lake for the partition has been loaded, by a listing of the lake.",
        metadata=what_to_expect("WARN", "materialize the day again"),
    )
    def check(
        context: dg.AssetCheckExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        lake: dg.ResourceParam[Lake],
    ) -> dg.AssetCheckResult:
        day = context.run.tags.get(PARTITION_TAG)
        keys = (
            landed_on(lake, DATASET, [date.fromisoformat(day)])
            if day
            else set(filter(is_key, lake.list(f"{DATASET}/")))
        )
        left = sorted(not_loaded(warehouse, keys))
        return dg.AssetCheckResult(
            passed=not left,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{len(left)} of {len(keys)} landed pages are not loaded; materialize their day again."
            if left
            else f"All {len(keys)} landed pages are loaded.",
            metadata={"not_loaded": left[:10]} if left else {},
        )

    return check


def checks() -> list[dg.AssetChecksDefinition]:
    """All checks on `raw_plays` that can be started on their own."""
    asked = [check_of("raw_plays", question, about) for question in QUESTIONS]
    return [
        table_check("raw_plays", "raw.plays", COLUMNS),
        *asked,
        _landed_and_not_loaded(),
        logins_last(),
        listeners_are_asked_about(),
        volume_is_as_usual(),
        requests_last_the_day(),
        nothing_waits_in_the_spool(),
    ]
