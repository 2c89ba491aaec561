"""The assets `track_metadata` and `artist_metadata`: what is known of what was played, by the UTC day of fetching."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from spotify_assets.catalog.enrichment import Enriched, Enrichment, datasets
from spotify_assets.catalog.genres import DATASET as GENRES
from spotify_assets.catalog.genres import AskedGenres, GenreRun, load_genre_answers, open_musicbrainz
from spotify_assets.catalog.landed import DATASETS, load_things
from spotify_assets.catalog.objects import Kind
from spotify_assets.catalog.preview import artists_shown, tracks_shown
from spotify_assets.clock import Clock
from spotify_assets.errors import UserError
from spotify_assets.fetched import a_sentence_for_a_person, days_of
from spotify_assets.questions import what_to_expect
from spotify_assets.settings import settings
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.storage.lake import Lake, parse_key
from spotify_assets.storage.landing import while_nobody_is_erased
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets.table_checks import NOT_NULL, keyed_by

OWNER = "team:catalog"
TRACK_KINDS: tuple[Kind, ...] = ("track", "album")
ARTIST_KINDS: tuple[Kind, ...] = ("artist",)

TRACK_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("track_id", "text", "Spotify's id of the track, or the URI of a local file", NOT_NULL),
        dg.TableColumn("name", "text", "Its title"),
        dg.TableColumn("duration_ms", "integer", "Its length in milliseconds"),
        dg.TableColumn("explicit", "boolean", "Whether Spotify calls it explicit"),
        dg.TableColumn("isrc", "text", "The recording's International Standard Recording Code"),
        dg.TableColumn("popularity", "integer", "0 to 100; Extended apps only"),
        dg.TableColumn("is_local", "boolean", "Whether it is a file of the listener's own"),
        dg.TableColumn("album_id", "text", "Spotify's id of its album"),
        dg.TableColumn("disc_number", "integer", "The disc"),
        dg.TableColumn("track_number", "integer", "The place on it"),
    ],
    constraints=keyed_by("track_id"),
)
ARTIST_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("artist_id", "text", "Spotify's id of the artist", NOT_NULL),
        dg.TableColumn("name", "text", "The name"),
        dg.TableColumn("image_url", "text", "The largest picture"),
        dg.TableColumn("popularity", "integer", "0 to 100; Extended apps only"),
        dg.TableColumn("followers", "integer", "How many follow the artist; Extended apps only"),
    ],
    constraints=keyed_by("artist_id"),
)
SPOTIFY_ANSWERED = {
    asset: dg.AssetCheckSpec(
        "spotify_answered",
        asset=asset,
        description="Spotify refused nothing that the run asked; otherwise says why.",
        metadata=what_to_expect("WARN", "as the sentence says; what came is loaded, and the rest is asked for again"),
    )
    for asset in ("track_metadata", "artist_metadata")
}
MUSICBRAINZ_ANSWERED = dg.AssetCheckSpec(
    "musicbrainz_answered",
    asset="artist_metadata",
    description="MusicBrainz answered until nothing was wanted or the time was over; otherwise says why not.",
    metadata=what_to_expect("WARN", "as the sentence says; genres wait, and are asked for again by themselves"),
)
NOBODY_CALLED = "Nobody was called: the lake was loaded again."


def catalog_assets(fetch_days: dg.DailyPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """Both assets, over the partitions that all fetched data shares."""
    everything = dg.AllPartitionMapping()

    @dg.asset(
        partitions_def=fetch_days,
        group_name="catalog",
        owners=[OWNER],
        kinds={"spotify", "postgres", "python"},
        deps=[
            dg.AssetDep("raw_plays"),
            dg.AssetDep("streaming_history", partition_mapping=everything),
            dg.AssetDep("global_top_50"),
        ],
        metadata={"dagster/column_schema": TRACK_COLUMNS, "dagster/relation_identifier": "raw.tracks"},
        check_specs=[SPOTIFY_ANSWERED["track_metadata"]],
        description=(
            "One row for each track that plays, exports or charts mention; albums lie beside it in `raw.albums`, and "
            "what was ever said of a track in `raw.track_versions`.\n\n"
            "Polled plays bring their tracks along. What only exports and charts name is asked for here, most played "
            "first, as the day's budget of requests allows; then albums; then what was described a month ago. A "
            "partition is the UTC day of fetching; a **past** day is loaded again from the lake."
        ),
    )
    def track_metadata(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        lake: dg.ResourceParam[Lake],
        spotify: dg.ResourceParam[SpotifyAccess],
        clock: dg.ResourceParam[Clock],
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster takes only this form
        with a_sentence_for_a_person():
            days = days_of(context, clock)
            if not days.asks:
                with while_nobody_is_erased(warehouse):
                    keys, said = days.landed(lake, *datasets(TRACK_KINDS), things="answers")
                    loaded = load_things(warehouse, lake, keys)
                figures: dict[str, Any] = {"rows_changed": loaded.changed, "quarantined": loaded.quarantined}
                checks = [_verdict(SPOTIFY_ANSWERED["track_metadata"], NOBODY_CALLED)]
                return _result(said, figures, tracks_shown(warehouse, clock), checks)
            run = Enrichment(warehouse, lake, spotify, clock, TRACK_KINDS, tell=context.log.info)
            done = run.run()
            said = _said(done)
            if done.is_refused:
                raise UserError(said)
            checks = [_verdict(SPOTIFY_ANSWERED["track_metadata"], said, passed=not done.failed)]
            return _result(said, _figures(done), tracks_shown(warehouse, clock), checks)

    @dg.asset(
        partitions_def=fetch_days,
        group_name="catalog",
        owners=[OWNER],
        kinds={"spotify", "postgres", "python"},
        deps=[track_metadata],
        metadata={"dagster/column_schema": ARTIST_COLUMNS, "dagster/relation_identifier": "raw.artists"},
        check_specs=[SPOTIFY_ANSWERED["artist_metadata"], MUSICBRAINZ_ANSWERED],
        description=(
            "One row for each artist who is credited on a track or album. Spotify is asked for each of them once, as "
            "the day's budget of requests allows.\n\n"
            "**Genres** come from MusicBrainz (CC BY-NC-SA 3.0) and lie in `raw.artist_genres`, with votes, source and "
            "licence; with `MUSICBRAINZ_URL=none` nobody asks for more of them. Names, covers and pictures are "
            "Spotify's. A partition is the UTC day of fetching; a **past** day is loaded again from the lake."
        ),
    )
    def artist_metadata(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        lake: dg.ResourceParam[Lake],
        spotify: dg.ResourceParam[SpotifyAccess],
        clock: dg.ResourceParam[Clock],
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster takes only this form
        with a_sentence_for_a_person():
            days = days_of(context, clock)
            if not days.asks:
                with while_nobody_is_erased(warehouse):
                    keys, said = days.landed(lake, *datasets(ARTIST_KINDS), GENRES, things="answers")
                    figures: dict[str, Any] = {"quarantined": load_landed(warehouse, lake, keys)}
                specs = (SPOTIFY_ANSWERED["artist_metadata"], MUSICBRAINZ_ANSWERED)
                checks = [_verdict(spec, NOBODY_CALLED) for spec in specs]
                return _result(said, figures, artists_shown(warehouse, clock), checks)
            done = Enrichment(warehouse, lake, spotify, clock, ARTIST_KINDS, tell=context.log.info).run()
            # Whatever Spotify said: MusicBrainz is asked about the artists that are known.
            genres = _ask_for_genres(warehouse, lake, clock, context.log.info)
            told, told_of_genres = _said(done), _said_of_genres(genres)
            if done.is_refused:
                raise UserError(f"{told} {told_of_genres}")
            figures = _figures(done)
            figures["calls_to_musicbrainz"] = genres.calls
            figures["quarantined"] += genres.loaded.quarantined
            checks = [
                _verdict(SPOTIFY_ANSWERED["artist_metadata"], told, passed=not done.failed),
                _verdict(MUSICBRAINZ_ANSWERED, told_of_genres, passed=not genres.failed),
            ]
            return _result(f"{told} {told_of_genres}", figures, artists_shown(warehouse, clock), checks)

    return [track_metadata, artist_metadata]


def load_landed(warehouse: Warehouse, lake: Lake, keys: Sequence[str]) -> int:
    """Loads landed answers about tracks, albums, artists and genres, in the order of the keys for each.

    Returns how much of them can't be read.
    """
    things = load_things(warehouse, lake, [key for key in keys if parse_key(key).dataset in DATASETS])
    genres = load_genre_answers(warehouse, lake, [key for key in keys if parse_key(key).dataset == GENRES])
    return things.quarantined + genres.quarantined


def _ask_for_genres(warehouse: Warehouse, lake: Lake, clock: Clock, tell: Callable[[str], None]) -> AskedGenres:
    chosen = settings()
    if chosen.musicbrainz_url is None:
        return AskedGenres(stopped="MUSICBRAINZ_URL=none switches that off; what is stored stays.")
    with open_musicbrainz(chosen.musicbrainz_url, clock, chosen.musicbrainz_contact) as musicbrainz:
        return GenreRun(warehouse, lake, musicbrainz, clock, tell=tell).run()


def _verdict(spec: dg.AssetCheckSpec, said: str, *, passed: bool = True) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=spec.asset_key,
        check_name=spec.name,
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        description=said,
    )


def _said(done: Enriched) -> str:
    """What a run did, in a sentence or two."""
    things = ", ".join(f"{count} {kind}s" for kind, count in sorted(done.loaded.things.items()))
    said = f"{things or 'Nothing'} came by {done.calls} calls." if done.calls else "Nothing was asked of Spotify."
    if done.unknown:
        said = f"{said} {done.unknown} are unknown to Spotify."
    return f"{said} {done.stopped}" if done.stopped else said


def _said_of_genres(asked: AskedGenres) -> str:
    told = f"answered {asked.loaded.answers} times about {asked.loaded.artists} artists"
    said = f"MusicBrainz {told if asked.loaded.answers else 'gave no answer' if asked.calls else 'was not asked'}."
    return f"{said} {asked.stopped}" if asked.stopped else said


def _figures(done: Enriched) -> dict[str, Any]:
    return {
        "calls_to_spotify": done.calls,
        "unknown_to_spotify": done.unknown,
        "rows_changed": done.loaded.changed,
        "quarantined": done.loaded.quarantined,
    }


def _result(
    said: str, figures: Mapping[str, Any], shown: Mapping[str, Any], checks: Sequence[dg.AssetCheckResult]
) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult(metadata={"what_happened": said, **figures, **shown}, check_results=checks)
