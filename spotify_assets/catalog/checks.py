"""Asset checks on `track_metadata` and `artist_metadata`: each asks all stored rows."""

import dagster as dg

from spotify_assets.catalog.coverage import coverage
from spotify_assets.questions import About, Question, check_of
from spotify_assets.storage.warehouse import Warehouse

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


def about(_partition: str | None) -> About:
    """All that is stored: descriptions belong to no day."""
    return About()


def _plays_are_described() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="track_metadata",
        name="plays_are_described",
        description=f"Spotify has described the tracks of {ENOUGH:.0%} of the plays and of the listening time.",
    )
    def check(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
        found = coverage(warehouse)
        enough = found.described_plays >= ENOUGH * found.plays and found.described_ms >= ENOUGH * found.ms
        waits = "" if enough else " What is missing is asked for as the budget of requests allows, most played first."
        return dg.AssetCheckResult(
            passed=enough, severity=dg.AssetCheckSeverity.WARN, description=f"{found.said()}{waits}"
        )

    return check


def catalog_checks() -> list[dg.AssetChecksDefinition]:
    """All checks on the metadata."""
    asked = [check_of(asset, question, about) for asset, questions in QUESTIONS.items() for question in questions]
    return [*asked, _plays_are_described()]
