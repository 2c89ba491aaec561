"""The asset `raw_plays`: what Spotify says was played, by the UTC day on which it was asked."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import dagster as dg

from spotify_assets.clock import Clock
from spotify_assets.errors import UserError
from spotify_assets.fetched import a_sentence_for_a_person, days_of
from spotify_assets.listening.ledger import DATASET
from spotify_assets.listening.loading import Loaded, load_objects
from spotify_assets.listening.preview import each_listener, hours_of, newest_plays, plays_stored, requests_made
from spotify_assets.listening.tick import Tick, run_tick
from spotify_assets.questions import what_to_expect
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.governor import Standing
from spotify_assets.storage.lake import Lake
from spotify_assets.storage.landing import while_nobody_is_erased
from spotify_assets.storage.sharing import is_shared
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets.table_checks import NOT_NULL, keyed_by

GONE = (
    "its plays can't be fetched any more: Spotify gives only a listener's newest 50 plays, whatever the day. "
    "Ask Spotify for the extended streaming history to fill the hole."
)
NAMED = 3
"""How many failures a tick's summary spells out; the check and the table of listeners name all."""

COLUMNS = dg.TableSchema(
    columns=[
        dg.TableColumn("user_id", "text", "The listener's local name", NOT_NULL),
        dg.TableColumn("played_at", "timestamptz(3)", "When the play ENDED, UTC, in milliseconds", NOT_NULL),
        dg.TableColumn("track_id", "text", "Spotify's id of the track, or the URI of a local file", NOT_NULL),
        dg.TableColumn("context_type", "text", "What it was played from: playlist, album, artist; mostly absent"),
        dg.TableColumn("context_uri", "text", "Spotify's URI of that playlist, album or artist"),
        dg.TableColumn("lake_key", "text", "The smallest key of the landed pages that hold the play", NOT_NULL),
    ],
    constraints=keyed_by("user_id", "played_at", "track_id"),
)

# A tick each half hour materializes it, whoever played something: two were missed, or half a dozen.
FRESH = dg.FreshnessPolicy.time_window(warn_window=timedelta(minutes=75), fail_window=timedelta(hours=6))
POLLED = dg.AssetCheckSpec(
    "every_listener_polled",
    asset="raw_plays",
    description="Every connected listener was asked about and answered; names those that failed, and what to do.",
    metadata=what_to_expect("WARN", "the sentence names who could not be polled, why, and what to do"),
)


def raw_plays_asset(fetch_days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The asset, over the partitions that all fetched data shares."""

    @dg.asset(
        partitions_def=fetch_days,
        group_name="listening",
        owners=["team:listening"],
        kinds={"spotify", "postgres", "python"},
        metadata={"dagster/column_schema": COLUMNS, "dagster/relation_identifier": "raw.plays"},
        check_specs=[POLLED],
        freshness_policy=FRESH,
        description=(
            "One row for each play that Spotify's API reported.\n\n"
            "A partition is the UTC day on which Spotify was asked. Materializing **today** asks for every listener's "
            "newest 50 plays, lands the answers in the lake and loads them; a **past** day is loaded again from the "
            "lake and calls nobody. Tracks, albums and artists' names come along in the same answers."
        ),
    )
    def raw_plays(
        context: dg.AssetExecutionContext,
        warehouse: dg.ResourceParam[Warehouse],
        lake: dg.ResourceParam[Lake],
        spotify: dg.ResourceParam[SpotifyAccess],
        clock: dg.ResourceParam[Clock],
    ) -> dg.MaterializeResult:  # type: ignore[type-arg]  # Dagster takes only this form
        with a_sentence_for_a_person():
            days = days_of(context, clock)
            if days.asks:
                tick = run_tick(warehouse, lake, clock, spotify)
                return _result_of_tick(warehouse, days.last, tick, spotify.governor.standing())
            with while_nobody_is_erased(warehouse):
                keys, said = days.landed(lake, DATASET, gone=GONE)
                loaded = load_objects(warehouse, lake, keys)
            nobody = dg.AssetCheckResult(
                check_name=POLLED.name, passed=True, description="Nobody was called: the lake was loaded again."
            )
            return _result(warehouse, days.last, loaded, said, nobody)

    return raw_plays


def _result_of_tick(warehouse: Warehouse, day: date, tick: Tick, standing: Standing) -> dg.MaterializeResult[None]:
    """Raises `UserError` where the tick as a whole failed; what could be loaded is loaded by then."""
    if tick.lake_failure:
        raise UserError(
            f"{tick.lake_failure} {tick.waiting_in_spool} payloads wait in ops.spool and move at the next good tick; "
            "nothing was loaded."
        )
    if tick.polled and len(tick.failures) == len(tick.polled) and not tick.waiting:
        reasons = sorted({str(polled.failure) for polled in tick.failures})
        more = [f"{len(reasons) - NAMED} more failed in like manner."] if len(reasons) > NAMED else []
        raise UserError(" ".join(["No listener could be polled.", *reasons[:NAMED], *more]))
    failed = "; ".join(f"{polled.user_id}: {polled.failure}" for polled in tick.failures)
    said = _said(tick, standing)
    check = dg.AssetCheckResult(
        check_name=POLLED.name,
        passed=not (tick.failures or tick.blocked),
        severity=dg.AssetCheckSeverity.WARN,
        description=failed or said,
        metadata={polled.user_id: str(polled.failure) for polled in tick.failures},
    )
    return _result(
        warehouse, day, tick.loaded, said, check, {**requests_made(standing), **each_listener(warehouse, tick)}
    )


def _said(tick: Tick, standing: Standing) -> str:
    """What a tick did, in a sentence or two."""
    if tick.blocked:
        return f"Nobody was called: {tick.blocked.reason}"
    if not tick.polled and not tick.waiting:
        return "Nobody is connected, so nobody was called. The README says how to connect Spotify."
    said = []
    if tick.polled:
        said.append(f"{len(tick.polled) - len(tick.failures)} of {len(tick.polled)} listeners answered.")
        said += [f"{polled.user_id}: {polled.failure}" for polled in tick.failures[:NAMED]]
        if len(tick.failures) > NAMED:
            said.append(f"{len(tick.failures) - NAMED} more are named in the check {POLLED.name}.")
    if tick.waiting:
        waiting = "1 listener waits" if len(tick.waiting) == 1 else f"{len(tick.waiting)} listeners wait"
        said.append(
            f"{waiting} for a later tick: the budget of {standing.budget} requests a day is spread over its hours, and "
            "this one's share is used up."
        )
    return " ".join(said)


def _result(
    warehouse: Warehouse,
    day: date,
    loaded: Loaded,
    said: str,
    check: dg.AssetCheckResult,
    more: Mapping[str, dg.MetadataValue[Any]] | None = None,
) -> dg.MaterializeResult[None]:
    metadata: dict[str, Any] = {
        "what_happened": said,
        "dagster/row_count": plays_stored(warehouse),
        "plays_new": loaded.plays_new,
        "plays_changed": loaded.plays_changed,
        "plays_on_pages": loaded.plays_read,
        "pages": loaded.objects,
        "quarantined": loaded.quarantined,
        "newest_plays": dg.MetadataValue.md(newest_plays(warehouse)),
        "plays_by_hour": dg.MetadataValue.md(hours_of(warehouse, day)),
    }
    with warehouse.connect() as connection:
        shared = is_shared(connection)
    if loaded.first_played_at and loaded.last_played_at and not shared:
        metadata["first_play_on_pages"] = dg.MetadataValue.timestamp(loaded.first_played_at)
        metadata["last_play_on_pages"] = dg.MetadataValue.timestamp(loaded.last_played_at)
    metadata |= more or {}
    return dg.MaterializeResult(metadata=metadata, check_results=[check])
