"""How each check on the assets is made to fail, once all is well in the good world: a statement, or a deed.

A check that is not here fails the test, so that none is forgotten. dbt's tests are in `broken_models.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from spotify_assets.simulator.faults import Fault
from spotify_assets_tests.checks.good_world import NOW, GoodWorld
from spotify_assets_tests.listening.exports.made_up import put


@dataclass(frozen=True)
class Broken:
    """What is done to the warehouse, and what the check then says; `now` is when it is asked."""

    statement: str
    says: str
    now: datetime = NOW
    deed: Callable[[GoodWorld], None] | None = None


def _without_key(table: str) -> Broken:
    name = table.partition(".")[2]
    return Broken(f"alter table {table} drop constraint {name}_pkey", "it has no primary key, not primary key (")


def _quarantined(dataset: str, says: str) -> Broken:
    return Broken(
        "insert into raw.quarantine select lake_key, '/items/7', 'no time', '' from ops.landed_objects "
        f"where dataset = '{dataset}' limit 1",
        says,
    )


def _gone_from_the_lake(dataset: str) -> Broken:
    return Broken(
        "insert into ops.landed_objects (lake_key, dataset, fetched_at, loaded_version) "
        f"values ('{dataset}/date=2026-01-01/000000Z-0123456789ab.json.gz', '{dataset}', '2026-01-01Z', 1)",
        "1 objects that were loaded are not in the lake any more",
    )


def _put_into_the_inbox(good: GoodWorld) -> None:
    put(good.world.home / "inbox/alex", {"data.zip": b"no zip"})


MENDS = "`delete from ops.builds`"
BY_STATEMENT = {
    "raw_plays:table_is_as_declared": _without_key("raw.plays"),
    "streaming_history:table_is_as_declared": _without_key("raw.streams"),
    "track_metadata:table_is_as_declared": _without_key("raw.tracks"),
    "artist_metadata:table_is_as_declared": _without_key("raw.artists"),
    "global_top_50:table_is_as_declared": _without_key("raw.chart_entries"),
    "raw_plays:lake_and_ledger_agree": Broken(
        "update ops.landed_objects set loaded_version = null where dataset = 'recently_played' and user_id = 'bo'; "
        "update ops.raw_version set play_count = play_count + 1",
        "landed objects are not loaded",
    ),
    "streaming_history:lake_and_ledger_agree": Broken(
        "update ops.raw_version set stream_count = stream_count + 1", "rows are stored, and the loads have counted"
    ),
    "track_metadata:lake_and_ledger_agree": _gone_from_the_lake("tracks"),
    "artist_metadata:lake_and_ledger_agree": _gone_from_the_lake("genres"),
    "global_top_50:lake_and_ledger_agree": _gone_from_the_lake("charts"),
    "raw_plays:keys_are_unique": Broken(
        "alter table raw.plays drop constraint plays_pkey; "
        "insert into raw.plays select * from raw.plays where user_id = 'bo' order by played_at desc limit 1",
        "1 plays are stored more than once",
    ),
    "raw_plays:nothing_is_in_the_future": Broken(
        "update ops.landed_objects set fetched_at = fetched_at - interval '1 day' where dataset = 'recently_played'",
        "plays end after the moment they were reported",
    ),
    "raw_plays:times_are_plausible": Broken(
        "update raw.plays set played_at = '1999-01-01' where user_id = 'bo' "
        "and played_at = (select max(played_at) from raw.plays where user_id = 'bo'); "
        "update ops.landed_objects set first_played_at = '1999-01-01' where dataset = 'recently_played'",
        "1 plays end at moments that can't be true",
    ),
    "raw_plays:late_plays_come_within_five_days": Broken(
        "update ops.listeners set connected_at = connected_at - interval '30 days'; "
        "update ops.landed_objects set fetched_at = fetched_at + interval '6 days' "
        "where dataset = 'recently_played' and user_id = 'bo'; "
        "insert into ops.landed_objects (lake_key, dataset, user_id, fetched_at, first_played_at, last_played_at) "
        "select 'earlier', 'recently_played', 'bo', max(played_at) + interval '1 minute', min(played_at), "
        "max(played_at) from raw.plays where user_id = 'bo'",
        "plays came more than five days after they ended",
    ),
    "raw_plays:nothing_is_quarantined": _quarantined("recently_played", "1 things in the landed pages"),
    "raw_plays:everything_landed_is_loaded": Broken(
        "update ops.landed_objects set loaded_version = null where dataset = 'recently_played' and user_id = 'bo'",
        "landed pages are not loaded",
    ),
    "raw_plays:logins_last": Broken(
        "update ops.tokens set consented_at = consented_at - interval '6 months' where user_id = 'bo'",
        "run `spotify-assets login bo`",
    ),
    "raw_plays:listeners_are_asked_about": Broken(
        "update ops.listeners set polled_at = polled_at - interval '61 minutes' where user_id = 'bo'",
        "Spotify has not been asked about bo for 1.0 h",
    ),
    "raw_plays:volume_is_as_usual": Broken(
        "update ops.listeners set connected_at = connected_at - interval '90 days' where user_id = 'bo'; "
        "insert into raw.plays select 'bo', day + number * interval '10 minutes', 'x', null, null, 'key' "
        f"from generate_series(timestamptz '{NOW - timedelta(days=70)}', '{NOW - timedelta(days=2)}', '1 day') as day, "
        "generate_series(1, 12) as number",
        "bo has 0 plays on Monday, 2026-03-09, usually 12 to 12 on that weekday",
    ),
    "raw_plays:requests_last_the_day": Broken(
        "insert into ops.requests (api_url, purpose, asked_at, ended_at) "
        f"select api_url, 'connection', '{NOW}', '{NOW}' from ops.listeners, generate_series(1, 250)",
        "are at risk",
    ),
    "raw_plays:nothing_waits_in_the_spool": Broken(
        f"insert into ops.spool values ('key', '', '{NOW - timedelta(minutes=61)}')",
        "1 answers have waited for the lake",
    ),
    "streaming_history:every_row_is_kept": Broken(
        "delete from raw.streams where file_row = 1", "1 files have rows that are neither streams nor in quarantine"
    ),
    "streaming_history:nothing_is_quarantined": _quarantined("streaming_history", "1 things in the exports"),
    "streaming_history:everything_landed_is_loaded": Broken(
        "update ops.landed_objects set loaded_version = null where dataset = 'streaming_history'",
        "landed objects are not loaded",
    ),
    "streaming_history:inbox_is_taken_in": Broken(
        "",
        "1 in the inbox have not been taken in: inbox/alex/data.zip (3 h)",
        # When a file came is the file system's to say, by the real time.
        datetime.now(UTC) + timedelta(hours=3, minutes=30),
        _put_into_the_inbox,
    ),
    "global_top_50:fifty_positions_without_gaps": Broken(
        "delete from raw.chart_entries where position = 50", "1 charts lack positions"
    ),
    "global_top_50:no_track_is_on_a_chart_twice": Broken(
        "update raw.chart_entries set track_id = 'same' where position in (1, 2)", "1 tracks stand on a chart twice"
    ),
    "global_top_50:nothing_is_quarantined": _quarantined("charts", "1 pages, or things on them"),
    "global_top_50:chart_is_recent": Broken(
        "update raw.chart_entries set chart_date = chart_date - 2", "is of 2026-03-07, 3 days ago; the source has"
    ),
    "track_metadata:ids_resolve": Broken(
        f"insert into ops.catalog_fetches values ('track', 'gone', '{NOW}', true)", "1 tracks are unknown to Spotify"
    ),
    "track_metadata:isrcs_have_their_form": Broken(
        "update raw.tracks set isrc = 'GBALB83' where track_id = (select min(track_id) from raw.tracks)",
        "1 tracks have an ISRC that can't be one",
    ),
    "track_metadata:nothing_is_quarantined": _quarantined("tracks", "1 things in the answers"),
    "track_metadata:plays_are_described": Broken("delete from raw.tracks", "What is missing is asked for"),
    "artist_metadata:artists_have_names": Broken(
        "update raw.artists set name = null where artist_id = (select min(artist_id) from raw.track_artists)",
        "1 artists have no name",
    ),
    "artist_metadata:nothing_is_quarantined": _quarantined("artists", "1 things in the answers"),
    "int_plays:all_that_was_told_is_there": Broken(
        "delete from intermediate.int_plays where user_id = 'bo' and source = 'api'", MENDS
    ),
    "fct_plays:sums_are_those_of_int_plays": Broken(
        "update marts.fct_plays set ms_listened = ms_listened + 1 where user_id = 'bo'", MENDS
    ),
    "reconciliation:sums_are_those_of_fct_plays": Broken(
        "update marts.reconciliation set matched = matched + 1 where user_id = 'alex'", MENDS
    ),
    "listening_hours:sums_are_those_of_fct_plays": Broken(
        "delete from marts.listening_hours where user_id = 'bo'", MENDS
    ),
    "track_days:sums_are_those_of_fct_plays": Broken(
        'insert into marts.track_days select (jsonb_populate_record(t, \'{"track_key": "again"}\')).* '
        "from marts.track_days as t where user_id = 'bo' limit 1",
        MENDS,
    ),
    "track_periods:sums_are_those_of_track_days": Broken(
        "update marts.track_periods set plays = plays + 1 where user_id = 'bo' and period_kind = 'month'", MENDS
    ),
    "track_periods:all_time_is_the_sum_of_months": Broken(
        "delete from marts.track_periods where user_id = 'bo' and period_kind = 'all_time'", MENDS
    ),
}


@dataclass(frozen=True)
class Refusing:
    """An asset whose own check fails when somebody outside refuses; `statement` makes it ask.

    In the path of the fault `ID` is what the query `whom` gives. Without batches there is a call for each thing.
    """

    job: str
    asset: str
    fault: Fault
    says: str
    statement: str = ""
    later: timedelta = timedelta()
    whom: str = ""
    without_batches: bool = False


# Nobody has played them, so they are asked about in the order of their ids.
TWO_ARTISTS = (
    "select distinct artist_id from raw.chart_entries cross join unnest(artist_ids) as artist_id "
    "where position between 20 and 50 order by artist_id limit 2"
)
BY_RUN = {
    "raw_plays:every_listener_polled": Refusing(
        "listening", "raw_plays", Fault(path="/v1/me/player/recently-played", user="bo", status=500), "bo: "
    ),
    "global_top_50:first_source_answered": Refusing(
        "charts", "global_top_50", Fault(path="/kworb/*", status=404), "kworb has no page", later=timedelta(days=1)
    ),
    "track_metadata:spotify_answered": Refusing(
        "enrichment",
        "track_metadata",
        Fault(path="/v1/albums*", status=403, body="Active premium subscription required for the owner of the app."),
        "no active Premium subscription",
        "delete from ops.catalog_fetches where kind in ('track', 'album'); "
        "insert into raw.export_tracks select track_id, 'Title', 'Artist', null, '2026-01-01' from raw.tracks limit 1 "
        "on conflict do nothing; "
        "delete from raw.tracks where track_id = (select min(track_id) from raw.export_tracks)",
    ),
    "artist_metadata:spotify_answered": Refusing(
        "enrichment",
        "artist_metadata",
        Fault(path="/v1/artists/ID", status=403, body="Active premium subscription required for the owner of the app."),
        "no active Premium subscription",
        "delete from ops.capabilities; "
        f"delete from ops.catalog_fetches where kind = 'artist' and id in ({TWO_ARTISTS})",
        whom=f"select max(artist_id) from ({TWO_ARTISTS}) as two",
        without_batches=True,
    ),
    "artist_metadata:musicbrainz_answered": Refusing(
        "enrichment",
        "artist_metadata",
        Fault(path="/musicbrainz/*", status=503),
        "MusicBrainz",
        "delete from ops.catalog_fetches where kind = 'artist'; delete from ops.genre_lookups",
    ),
}
