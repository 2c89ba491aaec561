"""Asset checks on `track_metadata` and `artist_metadata`: they ask all stored rows, or what landed on the run's day."""

from functools import partial

import dagster as dg

from spotify_assets.catalog.assets import ARTIST_COLUMNS, TRACK_COLUMNS
from spotify_assets.catalog.coverage import coverage
from spotify_assets.questions import About, Question, check_of, nothing_is_quarantined, what_to_expect
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets.table_checks import table_check

ENOUGH = 0.95
"""Less than this share of plays or listening time described is worth a look."""

QUESTIONS = {
    "track_metadata": (
        Question(
            name="ids_resolve",
            description="Spotify knows every track id that exports and charts mention.",
            query="""
                select asked.id, named.track_name, named.album_artist_name, asked.fetched_at
                from ops.catalog_fetches as asked
                left join raw.export_tracks as named on named.track_id = asked.id
                where asked.kind = 'track' and asked.is_unknown
                order by asked.id
            """,
            columns=("track", "title", "artist", "asked"),
            found="{count} tracks are unknown to Spotify; they keep the names that exports give them, and are asked "
            "for again after a month.",
            severity=dg.AssetCheckSeverity.WARN,
        ),
        Question(
            name="isrcs_have_their_form",
            description="An ISRC is two letters, three letters or digits, and seven digits.",
            query="""
                select track_id, name, isrc
                from raw.tracks
                where upper(replace(isrc, '-', '')) !~ '^[A-Z]{2}[A-Z0-9]{3}[0-9]{7}$'
                order by track_id
            """,
            columns=("track", "title", "isrc"),
            found="{count} tracks have an ISRC that can't be one; they are grouped and looked up by name instead.",
            severity=dg.AssetCheckSeverity.WARN,
        ),
    ),
    "artist_metadata": (
        Question(
            name="artists_have_names",
            description="Every artist who is credited anywhere has a name.",
            query="""
                select credits.artist_id, count(*)
                from raw.track_artists as credits
                left join raw.artists as artists using (artist_id)
                where artists.name is null
                group by credits.artist_id
                order by credits.artist_id
            """,
            columns=("artist", "tracks"),
            found="{count} artists have no name; materialize the days on which their tracks were fetched again.",
            severity=dg.AssetCheckSeverity.WARN,
        ),
    ),
}


LANDED = {"track_metadata": ["tracks", "albums"], "artist_metadata": ["artists", "genres"]}
_FETCHED = """
    with fetched as (
        select lake_key
        from ops.landed_objects
        where dataset = any(%(datasets)s) and (%(day)s::date is null or (
            fetched_at >= %(day)s::date::timestamp at time zone 'UTC'
            and fetched_at < (%(day)s::date + 1)::timestamp at time zone 'UTC'
        ))
    )
"""
READABLE = nothing_is_quarantined("fetched", "answers", "load on replay once the parser can read them")


def about(_partition: str | None) -> About:
    """All that is stored: descriptions belong to no day."""
    return About()


def about_fetched(asset: str, day: str | None) -> About:
    """The answers that landed for an asset on a UTC day, or ever."""
    words = f"what was fetched on {day}" if day else "everything that was ever fetched"
    return About(_FETCHED, {"datasets": LANDED[asset], "day": day}, words)


def plays_are_described(warehouse: Warehouse) -> dg.AssetCheckResult:
    """Whether Spotify has described enough of what was played."""
    found = coverage(warehouse)
    enough = found.described_plays >= ENOUGH * found.plays and found.described_ms >= ENOUGH * found.ms
    waits = "" if enough else " What is missing is asked for as the budget of requests allows, most played first."
    return dg.AssetCheckResult(passed=enough, severity=dg.AssetCheckSeverity.WARN, description=f"{found.said()}{waits}")


def _plays_are_described() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="track_metadata",
        name="plays_are_described",
        description=f"Spotify has described the tracks of {ENOUGH:.0%} of the plays and of the listening time.",
        metadata=what_to_expect(
            "WARN", "nothing, while the budget of requests lasts: what is missing is asked for, most played first"
        ),
    )
    def check(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
        return plays_are_described(warehouse)

    return check


def catalog_checks() -> list[dg.AssetChecksDefinition]:
    """All checks on the metadata."""
    asked = [check_of(asset, question, about) for asset, questions in QUESTIONS.items() for question in questions]
    readable = [check_of(asset, READABLE, partial(about_fetched, asset)) for asset in LANDED]
    declared = [
        table_check("track_metadata", "raw.tracks", TRACK_COLUMNS),
        table_check("artist_metadata", "raw.artists", ARTIST_COLUMNS),
    ]
    return [*declared, *asked, *readable, _plays_are_described()]
