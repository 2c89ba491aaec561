"""Asset checks on `streaming_history`: each asks the stored rows of the export of the run, or, without one, of all."""

import dagster as dg

from spotify_assets.listening.exports.assets import COLUMNS, parse_partition
from spotify_assets.listening.exports.inbox_checks import inbox_is_taken_in
from spotify_assets.listening.exports.lake_exports import all_keys, folder_of
from spotify_assets.questions import PARTITION_TAG, About, Question, check_of, nothing_is_quarantined, what_to_expect
from spotify_assets.storage.lake import Lake, is_key
from spotify_assets.storage.landed import not_loaded
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets.table_checks import table_check

_FILES = """
    with files as (
        select distinct f.*
        from raw.export_files as f
        where %(export)s::text is null or (f.user_id, f.file_hash) in (
            select m.user_id, m.file_hash
            from raw.export_members as m
            where m.user_id = %(user)s and m.export_hash = %(export)s
        )
    )
"""


_QUESTIONS = (
    Question(
        name="every_row_is_kept",
        description="Each row of each file is a row of raw.streams, or an entry of the quarantine.",
        query="""
            select f.user_id, f.lake_key, f.rows_read, kept.rows, waiting.rows
            from files as f
            cross join lateral (
                select count(*) as rows
                from raw.streams as s
                where s.user_id = f.user_id and s.file_hash = f.file_hash
            ) as kept
            cross join lateral (
                select count(*) as rows
                from raw.quarantine as q
                where q.lake_key = f.lake_key and q.position ~ '^/[0-9]+$'
            ) as waiting
            where f.rows_read <> kept.rows + waiting.rows
        """,
        columns=("listener", "lake_key", "rows read", "streams", "in quarantine"),
        found="{count} files have rows that are neither streams nor in quarantine; materialize their export again.",
        severity=dg.AssetCheckSeverity.ERROR,
        blocking=True,
    ),
    nothing_is_quarantined("files", "exports", "load when the export is materialized with a parser that can read them"),
)


def _about(partition: str | None) -> About:
    user_id, export = parse_partition(partition) if partition else (None, None)
    words = "the export" if export else "all exports"
    return About(_FILES, {"user": user_id, "export": export}, words)


def _everything_landed_is_loaded() -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset="streaming_history",
        name="everything_landed_is_loaded",
        description="All that lies in the lake for the listener is loaded, by a listing of the lake.",
        metadata=what_to_expect("WARN", "import the export again, or run `spotify-assets replay`"),
    )
    def check(
        context: dg.AssetCheckExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        lake: dg.ResourceParam[Lake],
    ) -> dg.AssetCheckResult:
        partition = context.run.tags.get(PARTITION_TAG)
        user_id = parse_partition(partition)[0] if partition else None
        keys = set(filter(is_key, lake.list(folder_of(user_id)))) if user_id else set(all_keys(lake))
        left = sorted(not_loaded(warehouse, keys))
        return dg.AssetCheckResult(
            passed=not left,
            severity=dg.AssetCheckSeverity.WARN,
            description=f"{len(left)} of {len(keys)} landed objects are not loaded; import the export again, or run "
            "`spotify-assets replay`."
            if left
            else f"All {len(keys)} landed objects are loaded.",
            metadata={"not_loaded": left[:10]} if left else {},
        )

    return check


def export_checks() -> list[dg.AssetChecksDefinition]:
    """All checks on `streaming_history`."""
    asked = [check_of("streaming_history", question, _about) for question in _QUESTIONS]
    declared = table_check("streaming_history", "raw.streams", COLUMNS)
    return [declared, *asked, _everything_landed_is_loaded(), inbox_is_taken_in()]
