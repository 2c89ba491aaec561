"""The asset check `volume_is_as_usual` on `raw_plays`: yesterday's plays of each listener against the own habit."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import dagster as dg

from spotify_assets.clock import Clock
from spotify_assets.listening.volume import DAYS_BACK, Finding, judge
from spotify_assets.questions import Verdict, what_to_expect
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.storage.warehouse import Warehouse

NAMED = 10


@dataclass(frozen=True)
class Yesterday:
    """A listener's last whole local day."""

    user_id: str
    finding: Finding


def verdict(days: Sequence[Yesterday]) -> Verdict:
    """Judges the last whole days of those who are connected, and of whom all of that day was asked for."""
    told = [_said(each) for each in days if each.finding.is_told]
    spells = [
        f"{each.user_id} has been quiet since {each.finding.quiet_since:%Y-%m-%d}, as was told then."
        for each in days
        if each.finding.quiet_since and not each.finding.is_told
    ]
    if told:
        more = f"; and {len(told) - NAMED} more" if len(told) > NAMED else ""
        return Verdict(
            False,
            f"{'; '.join(told[:NAMED])}{more}. On a holiday nothing is to do; otherwise see whether Spotify's app is "
            "logged in to another account, offline or in a private session, or whether somebody else plays there. "
            "`spotify-assets doctor` tells whether all that should be polled is.",
        )
    young = sum(each.finding.usual is None for each in days)
    usual = len(days) - young - len(spells)
    said = [f"The last whole day was as usual for {usual} of {len(days)} listeners."] if days else ["Nobody is judged."]
    if young:
        said.append(f"For {young} the history of that weekday is too short to say.")
    return Verdict(True, " ".join([*said, *spells[:NAMED]]))


def _said(each: Yesterday) -> str:
    found = each.finding
    usual = f"usually {found.usual.low} to {found.usual.high}" if found.usual else "usually unknown"
    since = (
        f", and has been quiet since {found.quiet_since:%Y-%m-%d}" if found.quiet_since not in (None, found.day) else ""
    )
    plays = "1 play" if found.plays == 1 else f"{found.plays} plays"
    return f"{each.user_id} has {plays} on {found.day:%A, %Y-%m-%d}, {usual} on that weekday{since}"


def last_whole_days(warehouse: Warehouse, api_url: str, now: datetime) -> list[Yesterday]:
    """Counts the plays that polls told of, by the date in the zone in force now.

    Who was not polled since the day ended is left out: the day may not be here yet.
    """
    with warehouse.connect() as connection:
        rows = connection.execute(
            """
            with zoned as (
                select
                    listeners.user_id,
                    listeners.connected_at,
                    listeners.polled_at,
                    coalesce(
                        (
                            select changed.time_zone
                            from ops.listener_time_zones as changed
                            where
                                changed.user_id = listeners.user_id
                                and changed.valid_from::timestamp at time zone changed.time_zone <= %(now)s
                            order by changed.valid_from desc
                            limit 1
                        ),
                        listeners.time_zone
                    ) as time_zone
                from ops.listeners as listeners
                where listeners.api_url = %(api)s and listeners.status = 'connected'
            ),
            judged as (
                select
                    user_id,
                    time_zone,
                    (connected_at at time zone time_zone)::date + 1 as first_day,
                    (%(now)s at time zone time_zone)::date - 1 as last_day
                from zoned
                where (polled_at at time zone time_zone)::date = (%(now)s at time zone time_zone)::date
            )
            select
                judged.user_id,
                judged.first_day,
                judged.last_day,
                heard.local_dates,
                heard.plays
            from judged
            cross join lateral (
                select array_agg(days.local_date) as local_dates, array_agg(days.plays) as plays
                from (
                    select (plays.played_at at time zone judged.time_zone)::date as local_date, count(*) as plays
                    from raw.plays as plays
                    where plays.user_id = judged.user_id and plays.played_at > %(since)s
                    group by 1
                ) as days
            ) as heard
            where judged.first_day <= judged.last_day
            order by judged.user_id
            """,
            {"api": api_url, "now": now, "since": now - timedelta(days=DAYS_BACK + 2)},
        ).fetchall()
    return [
        Yesterday(user_id, judge(_counts(dates, plays), first, last)) for user_id, first, last, dates, plays in rows
    ]


def _counts(dates: Sequence[date] | None, plays: Sequence[int] | None) -> dict[date, int]:
    return dict(zip(dates or (), plays or (), strict=True))


def volume_is_as_usual() -> dg.AssetChecksDefinition:
    """The check. It calls nobody."""

    @dg.asset_check(
        asset="raw_plays",
        name="volume_is_as_usual",
        description="Each listener's plays of the last whole local day are as many as that listener has on that "
        "weekday; a quiet spell is told of on its first day, after a week and after four.",
        metadata=what_to_expect(
            "WARN", "on a holiday nothing; otherwise see which account Spotify's app is logged in to"
        ),
    )
    def check(
        warehouse: dg.ResourceParam[Warehouse],
        spotify: dg.ResourceParam[SpotifyAccess],
        clock: dg.ResourceParam[Clock],
    ) -> dg.AssetCheckResult:
        return verdict(last_whole_days(warehouse, spotify.api_url, clock.now())).as_warning()

    return check
