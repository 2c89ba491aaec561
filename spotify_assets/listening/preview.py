"""What a person sees who clicks `raw_plays`: the newest plays, the day as a small chart, how each listener's
poll went, and what is left of the day's requests."""

from datetime import date
from typing import Any

import dagster as dg

from spotify_assets.listening.tick import Tick
from spotify_assets.markdown import bar_chart, markdown_table
from spotify_assets.spotify.governor import Standing
from spotify_assets.storage.sharing import NOT_SHOWN, is_shared
from spotify_assets.storage.warehouse import Warehouse

_SHORT = "{:%d %b %H:%M}".replace(" ", "\N{NO-BREAK SPACE}")


def newest_plays(warehouse: Warehouse) -> str:
    """The newest ten plays as Markdown, or, where there are several listeners, why nobody's plays are shown."""
    with warehouse.connect() as connection:
        if is_shared(connection):
            return NOT_SHOWN
        rows = connection.execute(
            """
            select p.played_at, t.name, a.names
            from raw.plays as p
            left join raw.tracks as t using (track_id)
            left join lateral (
                select string_agg(artist.name, ', ' order by ta.position) as names
                from raw.track_artists as ta
                inner join raw.artists as artist using (artist_id)
                where ta.track_id = p.track_id
            ) as a on true
            order by p.played_at desc
            limit 10
            """
        ).fetchall()
    plays = [(_SHORT.format(ended), name, artists) for ended, name, artists in rows]
    return markdown_table(["ended (UTC)", "track", "artists"], plays)


def hours_of(warehouse: Warehouse, day: date) -> str:
    """How many plays ended in each UTC hour of the day, as a chart of 24 characters, and in all.

    Not where there are several listeners: only one of them may have played something.
    """
    with warehouse.connect() as connection:
        if is_shared(connection):
            return NOT_SHOWN
        rows = connection.execute(
            """
            select extract(hour from played_at at time zone 'UTC')::int, count(*)
            from raw.plays
            where played_at >= %(day)s::date::timestamp at time zone 'UTC'
                and played_at < (%(day)s::date + 1)::timestamp at time zone 'UTC'
            group by 1
            """,
            {"day": day},
        ).fetchall()
    counts = {int(hour): int(count) for hour, count in rows}
    chart = bar_chart([counts.get(hour, 0) for hour in range(24)])
    return f"00 `{chart}` 24 UTC, {sum(counts.values())} plays"


def plays_stored(warehouse: Warehouse) -> int:
    """How many rows `raw.plays` has, as the loads keep count."""
    with warehouse.connect() as connection:
        row = connection.execute("select play_count from ops.raw_version").fetchone()
    return int(row[0]) if row else 0


def requests_made(standing: Standing) -> dict[str, dg.MetadataValue[Any]]:
    """The calls of the last 24 hours, by purpose, and how many the budget still holds."""
    purposes = ", ".join(f"{calls} for {purpose}" for purpose, calls in sorted(standing.by_purpose.items()))
    found: dict[str, dg.MetadataValue[Any]] = {
        "requests_in_24_hours": dg.MetadataValue.text(f"{standing.used}" + (f": {purposes}" if purposes else ""))
    }
    if standing.left is not None:
        found["requests_left"] = dg.MetadataValue.int(standing.left)
    if standing.block:
        found["blocked_until"] = dg.MetadataValue.timestamp(standing.block.until)
    return found


def each_listener(warehouse: Warehouse, tick: Tick) -> dict[str, dg.MetadataValue[Any]]:
    """One row for each listener of the tick: how the poll ended, what was new, when Spotify last answered (UTC)."""
    said = {polled.user_id: polled.failure or "answered" for polled in tick.polled}
    said |= dict.fromkeys(tick.waiting, "waits for a later tick")
    if not said:
        return {}
    with warehouse.connect() as connection:
        rows = connection.execute(
            """
            select l.user_id, l.polled_at, newest.played_at
            from ops.listeners as l
            left join lateral (
                select max(p.played_at) as played_at from raw.plays as p where p.user_id = l.user_id
            ) as newest on true
            where l.user_id = any(%s)
            order by l.user_id
            """,
            (list(said),),
        ).fetchall()
    records = [
        dg.TableRecord(
            {
                "listener": user_id,
                "poll": said[user_id],
                "new plays": tick.loaded.new[user_id],
                "last answer (UTC)": f"{polled_at:%Y-%m-%d %H:%M}" if polled_at else "never",
                "newest play (UTC)": f"{played_at:%Y-%m-%d %H:%M}" if played_at else "none",
            }
        )
        for user_id, polled_at, played_at in rows
    ]
    return {"listeners": dg.MetadataValue.table(records)}
