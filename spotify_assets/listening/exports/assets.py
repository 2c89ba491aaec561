"""The asset `streaming_history`: every row of every export, by export."""

from typing import Any

import dagster as dg

from spotify_assets.clock import Clock
from spotify_assets.errors import UserError
from spotify_assets.fetched import a_sentence_for_a_person
from spotify_assets.listening.exports.inbox import Inbox
from spotify_assets.listening.exports.intake import take_in
from spotify_assets.listening.exports.lake_exports import keys_of_export
from spotify_assets.listening.exports.loading import load_keys
from spotify_assets.listening.exports.report import Summary, files_of, loaded_files, most_played, summary
from spotify_assets.listening.exports.rows import COLUMNS as STREAM_COLUMNS
from spotify_assets.markdown import markdown_table
from spotify_assets.storage.lake import Lake
from spotify_assets.storage.landing import while_nobody_is_erased
from spotify_assets.storage.sharing import NOT_SHOWN, is_shared
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets.table_checks import NOT_NULL, keyed_by

EXPORTS = dg.DynamicPartitionsDefinition(name="exports")
INBOX_TAG = "spotify_assets/inbox"
"""The address of what lies in the inbox and is to be taken in."""
LOADED_TAG = "spotify_assets/loaded"
"""Given by `spotify-assets import`, which has loaded the export: nothing is left to do but to tell."""

_MEANING = {
    "ts": "When the stream ENDED, UTC, in seconds; in account data the minute",
    "ms_played": "How long it was played, in milliseconds",
    "track_uri": "Spotify's URI of the track; absent for all but music, and in account data",
    "track_name": "The track's title",
    "album_artist_name": "The ALBUM's artist; in account data the artist",
    "album_name": "The album's title",
    "episode_uri": "Spotify's URI of a podcast's episode",
    "episode_name": "The episode's title",
    "episode_show_name": "The podcast",
    "audiobook_uri": "Spotify's URI of an audiobook",
    "audiobook_title": "The audiobook's title",
    "audiobook_chapter_uri": "Spotify's URI of its chapter",
    "audiobook_chapter_title": "The chapter's title",
    "platform": "The device, in Spotify's words",
    "conn_country": "The country of the connection",
    "reason_start": "Why it began: trackdone, clickrow, …",
    "reason_end": "Why it ended: trackdone, fwdbtn, …",
    "shuffle": "Whether in random order",
    "skipped": "Whether skipped, where Spotify says; older exports don't for 2016 to 2022",
    "offline": "Whether without a connection",
    "offline_timestamp": "When the device says that it began: milliseconds until October 2022, then seconds",
    "incognito_mode": "Whether in a private session",
}
COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("user_id", "text", "The listener's local name", NOT_NULL),
        dg.TableColumn("file_hash", "text", "The first 12 digits of the SHA-256 of the landed file", NOT_NULL),
        dg.TableColumn("file_row", "integer", "The row's place in the file, from 1", NOT_NULL),
        *(
            dg.TableColumn(name, kind, _MEANING[name], NOT_NULL if name in ("ts", "ms_played") else None)
            for name, kind in STREAM_COLUMNS.items()
        ),
    ],
    constraints=keyed_by("user_id", "file_hash", "file_row"),
)


def streaming_history_asset() -> dg.AssetsDefinition:
    """The asset, over exports: a partition is `<listener>-<first 12 digits of the export's hash>`."""

    @dg.asset(
        partitions_def=EXPORTS,
        group_name="listening",
        owners=["team:listening"],
        kinds={"spotify", "postgres", "python"},
        metadata={"dagster/column_schema": COLUMNS, "dagster/relation_identifier": "raw.streams"},
        description=(
            "One row for each row of the exports that Spotify hands out on request, as it stands there: skips, "
            "podcasts and repetitions included.\n\n"
            "A partition is an export, named by its listener and a hash of its files. Materializing one loads it again "
            "from the lake. New exports come by `spotify-assets import`, or by putting the zip into `inbox/<user>/`."
        ),
    )
    def streaming_history(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        lake: dg.ResourceParam[Lake],
        clock: dg.ResourceParam[Clock],
        inbox: dg.ResourceParam[Inbox],
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster takes only this form
        user_id, export = parse_partition(context.partition_key)
        tags = context.run.tags
        with a_sentence_for_a_person():
            known = loaded_files(warehouse, user_id)
            refused: list[str] = []
            entry = tags.get(INBOX_TAG)
            if entry and inbox.given(entry):
                imported = take_in(inbox, entry, user_id, warehouse, lake, clock)
                refused = imported.refused
                if imported.partition != context.partition_key:
                    raise UserError(
                        f"{entry} is not what it was when it was seen; what it holds now is landed, and the sensor "
                        "export_inbox looks at it again."
                    )
                said = "Taken in from the inbox."
            elif LOADED_TAG in tags and known.issuperset(files_of(warehouse, user_id, export) or [""]):
                known = set(tags[LOADED_TAG].split())
                said = "Loaded by `spotify-assets import`."
            else:
                _replay(warehouse, lake, user_id, export, known)
                said = "Loaded again from the lake."
            for sentence in refused:
                context.log.warning(sentence)
            return _result(warehouse, user_id, export, known, " ".join([said, *refused]))

    return streaming_history


def partition_of(user_id: str, export: str) -> str:
    """The partition's key."""
    return f"{user_id}-{export}"


def parse_partition(key: str) -> tuple[str, str]:
    """(listener, hash of the export); a listener's name may hold hyphens."""
    user_id, _, export = key.rpartition("-")
    return user_id, export


def _replay(warehouse: Warehouse, lake: Lake, user_id: str, export: str, known: set[str]) -> None:
    with while_nobody_is_erased(warehouse):
        keys = keys_of_export(lake, user_id, export, known)
        if not keys:
            raise UserError(
                f"The lake holds no export {export} of {user_id}: import it with `spotify-assets import {user_id} …`, "
                f"or put it into inbox/{user_id}/."
            )
        load_keys(warehouse, lake, keys)


def _result(warehouse: Warehouse, user_id: str, export: str, known: set[str], said: str) -> dg.MaterializeResult[None]:
    files = files_of(warehouse, user_id, export)
    found = summary(warehouse, user_id, files, known & set(files))
    with warehouse.connect() as connection:
        shared = is_shared(connection)
        row = connection.execute("select stream_count from ops.raw_version").fetchone()
    metadata: dict[str, Any] = {
        "what_happened": said,
        "dagster/row_count": int(row[0]) if row else 0,
        "files": found.files,
        "rows_read": found.rows_read,
        "streams_new": found.new,
        "rows_repeated": found.repeated,
        "rows_known": found.known,
        "rows_quarantined": found.quarantined,
        "fields_quarantined": found.fields_quarantined,
        "preview": dg.MetadataValue.md(NOT_SHOWN if shared else _preview(warehouse, user_id, files)),
    }
    if found.first and found.last and not shared:
        metadata |= _span(found)
    return dg.MaterializeResult(metadata=metadata)


def _span(found: Summary) -> dict[str, Any]:
    return {
        "hours": round(found.hours, 1),
        "first_stream": dg.MetadataValue.timestamp(found.first) if found.first else None,
        "last_stream": dg.MetadataValue.timestamp(found.last) if found.last else None,
    }


def _preview(warehouse: Warehouse, user_id: str, files: list[str]) -> str:
    return markdown_table(["most played", "streams"], most_played(warehouse, user_id, files, 10))
