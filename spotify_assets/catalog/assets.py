"""The assets `track_metadata` and `artist_metadata`: what is known of what was played, by the UTC day of fetching."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg

from spotify_assets.catalog import backlog
from spotify_assets.catalog.coverage import coverage
from spotify_assets.catalog.enrichment import Enriched, Enrichment, datasets
from spotify_assets.catalog.genres import DATASET as GENRES
from spotify_assets.catalog.genres import AskedGenres, GenreRun, load_genre_answers, open_musicbrainz
from spotify_assets.catalog.landed import DATASETS, load_things
from spotify_assets.catalog.objects import Kind
from spotify_assets.clock import Clock
from spotify_assets.errors import UserError
from spotify_assets.fetched import a_sentence_for_a_person, days_of
from spotify_assets.markdown import markdown_table
from spotify_assets.settings import settings
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.storage.lake import Lake, parse_key
from spotify_assets.storage.landing import while_nobody_is_erased
from spotify_assets.storage.warehouse import Warehouse

OWNER = "team:catalog"
TRACK_KINDS: tuple[Kind, ...] = ("track", "album")
ARTIST_KINDS: tuple[Kind, ...] = ("artist",)

TRACK_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("track_id", "text", "Spotify's id of the track, or the URI of a local file"),
        dg.TableColumn("name", "text", "Its title"),
        dg.TableColumn("duration_ms", "integer", "Its length in milliseconds"),
        dg.TableColumn("explicit", "boolean", "Whether Spotify calls it explicit"),
        dg.TableColumn("isrc", "text", "The recording's International Standard Recording Code"),
        dg.TableColumn("popularity", "integer", "0 to 100; Extended apps only"),
        dg.TableColumn("is_local", "boolean", "Whether it is a file of the listener's own"),
        dg.TableColumn("album_id", "text", "Spotify's id of its album"),
        dg.TableColumn("disc_number", "integer", "The disc"),
        dg.TableColumn("track_number", "integer", "The place on it"),
    ]
)
ARTIST_COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("artist_id", "text", "Spotify's id of the artist"),
        dg.TableColumn("name", "text", "The name"),
        dg.TableColumn("image_url", "text", "The largest picture"),
        dg.TableColumn("popularity", "integer", "0 to 100; Extended apps only"),
        dg.TableColumn("followers", "integer", "How many follow the artist; Extended apps only"),
    ]
)


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
                    load_things(warehouse, lake, keys)
                return _tracks(warehouse, clock, said, {})
            run = Enrichment(warehouse, lake, spotify, clock, TRACK_KINDS, tell=context.log.info)
            done = run.run()
            return _tracks(warehouse, clock, _said(done), _figures(done))

    @dg.asset(
        partitions_def=fetch_days,
        group_name="catalog",
        owners=[OWNER],
        kinds={"spotify", "postgres", "python"},
        deps=[track_metadata],
        metadata={"dagster/column_schema": ARTIST_COLUMNS, "dagster/relation_identifier": "raw.artists"},
        description=(
            "One row for each artist who is credited on a track or album. Spotify is asked for each of them once, as "
            "the day's budget of requests allows.\n\n"
            "**Genres** come from MusicBrainz (CC BY-NC-SA 3.0) and lie in `raw.artist_genres`, with votes, source and "
            "licence; `MUSICBRAINZ_URL=none` switches that off. Names, covers and pictures are Spotify's. A partition "
            "is the UTC day of fetching; a **past** day is loaded again from the lake."
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
                    load_landed(warehouse, lake, keys)
                return _artists(warehouse, clock, said, {})
            done = Enrichment(warehouse, lake, spotify, clock, ARTIST_KINDS, tell=context.log.info).run()
            genres = _ask_for_genres(warehouse, lake, clock, context.log.info)
            said = f"{_said(done)} {_said_of_genres(genres)}"
            figures = {**_figures(done), "calls_to_musicbrainz": genres.calls if genres else 0}
            return _artists(warehouse, clock, said, figures)

    return [track_metadata, artist_metadata]


def load_landed(warehouse: Warehouse, lake: Lake, keys: Sequence[str]) -> None:
    """Loads landed answers about tracks, albums, artists and genres, in the order of the keys for each."""
    things = [key for key in keys if parse_key(key).dataset in DATASETS]
    load_things(warehouse, lake, things)
    load_genre_answers(warehouse, lake, [key for key in keys if parse_key(key).dataset == GENRES])


def _ask_for_genres(warehouse: Warehouse, lake: Lake, clock: Clock, tell: Callable[[str], None]) -> AskedGenres | None:
    url = settings().musicbrainz_url
    if url is None:
        return None
    with open_musicbrainz(url, clock) as musicbrainz:
        return GenreRun(warehouse, lake, musicbrainz, clock, tell=tell).run()


def _said(done: Enriched) -> str:
    """What a run did, in a sentence or two. Raises `UserError` where Spotify's refusal was no matter of budget."""
    if done.failed and not done.loaded.answers:
        raise UserError(str(done.stopped))
    things = ", ".join(f"{count} {kind}s" for kind, count in sorted(done.loaded.things.items()))
    said = f"{things or 'Nothing'} came by {done.calls} calls." if done.calls else "Nothing was asked of Spotify."
    if done.unknown:
        said = f"{said} {done.unknown} are unknown to Spotify."
    return f"{said} {done.stopped}" if done.stopped else said


def _said_of_genres(asked: AskedGenres | None) -> str:
    if asked is None:
        return "Genres are switched off (MUSICBRAINZ_URL=none)."
    said = f"MusicBrainz answered {asked.loaded.answers} times about {asked.loaded.artists} artists."
    return f"{said} {asked.stopped}" if asked.stopped else said


def _figures(done: Enriched) -> dict[str, Any]:
    return {
        "calls_to_spotify": done.calls,
        "unknown_to_spotify": done.unknown,
        "rows_changed": done.loaded.changed,
        "quarantined": done.loaded.quarantined,
    }


def _tracks(warehouse: Warehouse, clock: Clock, said: str, figures: Mapping[str, Any]) -> dg.MaterializeResult[None]:
    with warehouse.connect() as connection:
        counts = backlog.counts(connection, clock.now())
        [(rows,)] = connection.execute("select count(*) from raw.tracks").fetchall()
    metadata: dict[str, Any] = {
        "what_happened": said,
        "dagster/row_count": rows,
        **figures,
        "tracks_waiting": counts.get("track", 0),
        "albums_waiting": counts.get("album", 0),
        "coverage": coverage(warehouse).said(),
    }
    return dg.MaterializeResult(metadata=metadata)


def _artists(warehouse: Warehouse, clock: Clock, said: str, figures: Mapping[str, Any]) -> dg.MaterializeResult[None]:
    with warehouse.connect() as connection:
        counts = backlog.counts(connection, clock.now())
        [(rows,)] = connection.execute("select count(*) from raw.artists").fetchall()
        genres = connection.execute(
            """
            select genre, source, count(*)
            from raw.artist_genres
            group by genre, source
            order by count(*) desc, genre
            limit 10
            """
        ).fetchall()
    metadata: dict[str, Any] = {
        "what_happened": said,
        "dagster/row_count": rows,
        **figures,
        "artists_waiting": counts.get("artist", 0),
        "coverage": coverage(warehouse).said(),
        "most_frequent_genres": dg.MetadataValue.md(markdown_table(["genre", "source", "artists"], genres)),
    }
    return dg.MaterializeResult(metadata=metadata)
