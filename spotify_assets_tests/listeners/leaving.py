"""Two listeners of one warehouse, of whom one will leave, with something of hers in every place there is."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
import requests
from typer.testing import CliRunner

from spotify_assets.cli import app
from spotify_assets.cli.runs import dagster_home
from spotify_assets.clock import clock_from
from spotify_assets.errors import UserError
from spotify_assets.listening.exports.importing import import_export
from spotify_assets.listening.exports.sources import given, read
from spotify_assets.markdown import escape
from spotify_assets.storage.lake import Lake, lake_key, open_lake
from spotify_assets_tests.leaks import Piece, in_files, in_tables, leaks
from spotify_assets_tests.listening.exports.made_up import AUDIO, account_row, as_file, put, row
from spotify_assets_tests.ticks import play
from spotify_assets_tests.world import World

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
BETWEEN_TICKS = timedelta(hours=2)
LEAVER, STAYER = "wanda_w", "alex"
SHOWN = "Wanda Quillfeather"
PARTITIONS = "exports_of_the_test"


@dataclass(frozen=True)
class Said:
    """How a command ended, and what a person read."""

    code: int
    text: str


def command(world: World, *words: str, typed: str | None = None) -> Said:
    """`spotify-assets …` in this process; `typed` goes to its standard input."""
    world.settings()
    result = CliRunner().invoke(app, list(words), input=typed)
    if isinstance(result.exception, UserError):
        return Said(1, f"{result.output}{result.exception}")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Said(result.exit_code, result.output)


def lake_of(world: World) -> Lake:
    return open_lake(world.settings())


def two_listeners(world: World, *, in_dagster: bool) -> None:
    """The one who will leave came first, alone; then both; then something unreadable of hers; then her login ended.

    Dagster's first run shows her plays, for she is alone; the others load only, and the models are built at the end.
    """

    def tick(only: Sequence[str] | None = None) -> None:
        if in_dagster:
            world.tick(only)
        else:
            world.tick_without_dagster()

    world.login(LEAVER, "wanda")
    assert command(world, "listeners", "rename", LEAVER, SHOWN).code == 0
    tick()
    world.login(STAYER, "alex")
    now = START + BETWEEN_TICKS
    world.at(now)
    world.listen(now - timedelta(minutes=9), now - timedelta(minutes=5), user_id="alex")
    world.listen(now - timedelta(minutes=8), now - timedelta(minutes=4), user_id="wanda")
    tick(["raw_plays"])
    exports(world)
    now += timedelta(minutes=30)
    world.at(now)
    only_hers: dict[str, object] = {
        "id": "OnlyHersOnlyHersOnly00",
        "name": "Only Hers",
        "artists": [{"id": "x" * 22, "name": 7}],
    }
    play(world, now - timedelta(minutes=2), user_id="wanda", item=only_hers)
    tick(["raw_plays"])
    requests.post(f"{world.simulator.url}/_sim/revoke", json={"user": "wanda"}, timeout=10).raise_for_status()
    world.at(now + BETWEEN_TICKS)
    tick(["raw_plays"])
    world.build()
    assert LEAVER in str(world.rows("select user_id from ops.listeners where status = 'needs_login'"))
    assert world.rows("select 1 from raw.quarantine where lake_key like %s", (f"%user={LEAVER}/%",))
    _elsewhere(world, now)


def exports(world: World) -> None:
    """Each imports one; both name a track, she last, and he has a file of two kinds."""
    shared = row(0)["spotify_track_uri"]
    hers = [row(0), row(9, spotify_track_uri=shared, master_metadata_track_name="Named by her"), {"ts": "broken"}]
    his = {AUDIO: [row(5, spotify_track_uri=shared)], "StreamingHistory_music_0.json": [account_row()]}
    for user_id, files in ((LEAVER, {AUDIO: hers}), (STAYER, his)):
        folder = put(world.home.parent / f"export_of_{user_id}", {name: as_file(rows) for name, rows in files.items()})
        chosen = world.settings()
        items = read(given([folder])[0])
        done = import_export(world.warehouse, open_lake(chosen), clock_from(chosen), user_id, items, "UTC")
        assert not done.refused


def _elsewhere(world: World, now: datetime) -> None:
    """What other parts of the program leave of a listener."""
    for folder in (f"streaming_history/user={LEAVER}", f"inbox/{LEAVER}"):
        lake_of(world).put(f"{folder}/export.json.gz", b"an export")
    inbox = world.home / "inbox" / LEAVER / "deeper"
    inbox.mkdir(parents=True)
    (inbox / "Streaming_History_Audio_0.json").write_text("[]")
    waiting = lake_key("recently_played", b'{"items": []}', now, LEAVER)
    with world.warehouse.connect() as connection:
        connection.execute("insert into ops.spool values (%s, %s, %s)", (waiting, b'{"items": []}', now))
        connection.execute(
            "insert into ops.requests (api_url, purpose, user_id, asked_at) "
            "values ('http://127.0.0.1', 'polling', %s, %s)",
            (LEAVER, now),
        )
        connection.execute("create table if not exists ops.of_tomorrow (user_id text, said jsonb)")
        connection.execute("insert into ops.of_tomorrow values (%s, null)", (LEAVER,))
        connection.execute(
            """insert into ops.of_tomorrow values (null, '{"key": "tracks/user=wanda_w/x"}'), ('alex', '{}')"""
        )
        connection.execute("insert into ops.weekly_digests values (%s, '2026-11-09', %s)", (LEAVER, now))
        connection.execute("insert into ops.listener_time_zones values (%s, '2026-03-01', 'Asia/Tokyo')", (LEAVER,))


def partitions_in_dagster(world: World) -> None:
    """A dynamic partition of each, in a set that the running program must be told of."""
    dagster_home(world.settings())
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions(PARTITIONS, [f"{LEAVER}-0123456789ab", f"{STAYER}-0123456789ab"])


def account_of(world: World, user_id: str) -> str:
    [(account,)] = world.rows("select account_id from ops.listeners where user_id = %s", (user_id,))
    return str(account)


def traces(world: World, account: str) -> list[str]:
    """Where the leaver's names lie: in all files of the home, in all tables, in all names of the lake."""
    names = {"her local name": LEAVER, "her account": account, "her shown name": SHOWN, "in Markdown": escape(LEAVER)}
    names["in Markdown in JSON"] = json.dumps(names["in Markdown"])[1:-1]
    return leaks(names, [*in_files(world.home), *in_tables(world.warehouse), *_in_lake(world)])


def _in_lake(world: World) -> Iterator[Piece]:
    lake = lake_of(world)
    for key in lake.list(""):
        yield f"the lake's {key}", key.encode()
        yield f"the lake's {key}", lake.get(key)
