"""No secret in any log, event, exception, table or file: everything that runs leave behind is searched for all of them.

The only places where a secret lies in the clear are three files of the home, readable by their owner only.
"""

import gzip
import logging
import sqlite3
import traceback
import zlib
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import psycopg
import pytest
import requests
from cryptography.fernet import Fernet
from psycopg import conninfo

from spotify_assets.cli import app, demo
from spotify_assets.errors import UserError
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.simulator.tokens import TokenBook
from spotify_assets.spotify.models import TokenAnswer
from spotify_assets.spotify.tokens import TokenStore
from spotify_assets.storage.embedded import EmbeddedPostgres
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.leaks import Piece, in_files, in_processes, in_tables, leaks
from spotify_assets_tests.ticks import POLLS, TOKENS, fault, no_faults, play, tick
from spotify_assets_tests.world import World

START = datetime(2026, 3, 2, 6, tzinfo=UTC)
HOUR = timedelta(hours=1)
IN_THE_CLEAR = ("token_encryption.key", "postgres/pipeline.password", "postgres/admin.password")


@pytest.fixture
def issued(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Every token and code that any simulator of this test gives out, by a name."""
    given: dict[str, str] = {}
    original = TokenBook.new

    def new(book: TokenBook, kind: str) -> str:
        token = original(book, kind)
        given[f"{kind} {len(given) + 1}"] = token
        return token

    monkeypatch.setattr(TokenBook, "new", new)
    return given


@pytest.fixture
def logged(tmp_path: Path) -> Iterator[Path]:
    """A file that takes in every log line of this process, down to DEBUG."""
    path = tmp_path / "home" / "everything.log"
    path.parent.mkdir()
    handler = logging.FileHandler(path)
    root, before = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield path
    root.removeHandler(handler)
    root.setLevel(before)
    handler.close()


class Journey:
    """Ticks of one installation that go well and badly in turn, and all that was raised."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.raised: list[Piece] = []
        self._now = START

    def later(self, hours: float = 2) -> None:
        """Past the life of an access token, so that the next tick refreshes."""
        self._now += hours * HOUR
        self.world.at(self._now)
        no_faults(self.world)

    def good(self) -> None:
        self.later()
        play(self.world, self._now)
        assert tick(self.world).new > 0

    def bad(self, says: str, **environment: str) -> None:
        """A tick that fails, with a word of its sentence."""
        before = {name: self.world.environment.get(name, "") for name in environment}
        for name, value in environment.items():
            self.world.environment[name] = value  # type: ignore[index]
        with pytest.raises(UserError, match=says) as caught:
            tick(self.world)
        for name, value in before.items():
            self.world.environment[name] = value  # type: ignore[index]
        self.raised.append((f"what was raised where it says {says}", shown(caught.value)))


def shown(error: BaseException) -> bytes:
    """An exception as a traceback shows it, and its parts."""
    parts = ["".join(traceback.format_exception(error))]
    seen: BaseException | None = error
    while seen:
        parts += [repr(seen), repr(seen.args), repr(vars(seen))]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(parts).encode(errors="replace")


def current(world: World, kind: str, user_id: str) -> str:
    """The newest token of a listener."""
    book = world.simulator.world.book
    users = {token: about.user for token, about in (book.access if kind == "access" else book.refresh).items()}
    return next(token for token in reversed(users) if users[token] == user_id)


@contextmanager
def broken_table(warehouse: Warehouse) -> Iterator[None]:
    """A defect: the answer to a refresh can't be stored, and Postgres says so with the row that it refused."""
    with warehouse.connect() as connection:
        connection.execute("alter table ops.tokens add constraint broken check (refreshed_at is null) not valid")
    yield
    with warehouse.connect() as connection:
        connection.execute("alter table ops.tokens drop constraint broken")


def a_defect(_store: TokenStore, _login: object, answer: TokenAnswer, _now: datetime) -> None:
    """An exception that nobody expects, with the new tokens at hand."""
    int(str(answer))


def spotify_refuses(journey: Journey) -> None:
    """Each kind of refusal, in words that repeat what was sent. `alex` is alone, so the run's own sentence says it."""
    world = journey.world
    journey.good()
    requests.post(f"{world.simulator.url}/_sim/revoke", json={"user": "alex", "access_only": True}, timeout=10)
    assert tick(world, with_checks=True).warnings == {}
    journey.later()
    told = {"error": {"status": 400, "message": f"bad token {current(world, 'access', 'alex')}"}}
    fault(world, path=POLLS, status=400, body=told)
    journey.bad("HTTP 400")
    journey.later()
    refused = current(world, "refresh", "alex")
    fault(world, path=TOKENS, status=400, body={"error": f"no {refused}", "error_description": refused})
    journey.bad("POST /api/token")
    journey.later()
    fault(world, path=TOKENS, status=400, body={"error": "invalid_client", "error_description": refused})
    journey.bad("SPOTIFY_CLIENT_SECRET")
    journey.later()
    fault(world, path=POLLS, status=403, body="Active premium subscription required for the owner of the app.")
    journey.bad("Premium")
    journey.later()
    fault(world, path=POLLS, cut=True, count=1)
    assert tick(world, with_checks=True).warnings == {}
    journey.good()
    journey.later()
    # Not the token that was sent, but the one before it.
    fault(world, path=TOKENS, status=400, body={"error": "invalid_grant", "error_description": f"revoked {refused}"})
    journey.bad("spotify-assets login alex")
    no_faults(world)
    world.login("alex")


def the_program_is_broken(journey: Journey, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exceptions that nobody expects, just when new tokens have come; with them the only good token is lost."""
    journey.later()
    with broken_table(journey.world.warehouse):
        journey.bad("violates check constraint")
    journey.world.login("alex")
    journey.later()
    with monkeypatch.context() as defect:
        defect.setattr(TokenStore, "_renewed", a_defect)
        journey.bad("invalid literal for int")
    journey.world.login("alex")


def the_environment_is_wrong(journey: Journey, canaries: dict[str, str]) -> None:
    """A lake that does not answer, wrong keys, wrong passwords, and an address that is none."""
    parts = conninfo.conninfo_to_dict(journey.world.warehouse.dsn)
    journey.later()
    s3 = {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:1", "AWS_ACCESS_KEY_ID": "x", "AWS_DEFAULT_REGION": "eu-central-1"}
    journey.bad("bucket", LAKE_URL="s3://nowhere", AWS_SECRET_ACCESS_KEY=canaries["S3 secret key"], **s3)
    journey.bad("can't be decrypted", TOKEN_ENCRYPTION_KEY=canaries["wrong Fernet key"])
    journey.bad("no usable key", TOKEN_ENCRYPTION_KEY=canaries["malformed Fernet key"])
    key = Path(journey.world.home, "token_encryption.key").read_text()
    password = canaries["wrong password"]
    for says, url in {
        "password authentication failed": f"postgresql://pipeline:{password}@127.0.0.1:{parts['port']}/spotify",
        "Connection refused": f"postgresql://pipeline:{password}@127.0.0.1:1/x",
        "no address that Postgres understands": f"postgresql://pipeline:{password}/@127.0.0.1/x",
    }.items():
        journey.bad(says, DATABASE_URL=url, TOKEN_ENCRYPTION_KEY=key)
    journey.good()


def test_no_secret_lies_in_anything_that_good_and_bad_runs_leave_behind(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    issued: dict[str, str],
    logged: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    home = logged.parent
    postgres = EmbeddedPostgres(home)
    for name in ("SPOTIFY_API_URL", "SPOTIFY_ACCOUNTS_URL", "SPOTIFY_CLIENT_ID", "SPOTIFY_CLIENT_SECRET"):
        monkeypatch.setenv(name, "")  # what the demo sets is undone after the test
    monkeypatch.setenv("SPOTIFY_ASSETS_CLOCK", "")
    monkeypatch.setenv("SPOTIFY_ASSETS_HOME", str(home))
    monkeypatch.setenv("DAGSTER_HOME", str(home / "dagster"))
    monkeypatch.setattr(demo, "SPAN", demo.BETWEEN_POLLS)
    canaries = {
        "S3 secret key": "wJalrXUtnFEMI/K7MDENG+canary",
        "wrong password": "canary-p%C3%A4ssword-0815",
        "wrong Fernet key": Fernet.generate_key().decode(),
        "malformed Fernet key": "canary-no-fernet-key",
        "client secret": "canary-client-secret-4711",
    }
    try:
        for words in (["db", "start"], ["demo"], ["db", "start"]):
            app(words, standalone_mode=False)
        warehouse = Warehouse(postgres.dsn())
        app_of = {"client_secret": canaries["client secret"], "rotation": "single_use", "plays_a_day": 0.0}
        with SimulatorServer(SimulatorConfig(at=START, **app_of)) as simulator:  # type: ignore[arg-type]
            world = World.make(
                monkeypatch,
                warehouse,
                simulator,
                home,
                DATABASE_URL="",
                TOKEN_ENCRYPTION_KEY="",
                LAKE_URL="",
                SPOTIFY_CLIENT_SECRET=canaries["client secret"],
            )
            world.login("alex")
            journey = Journey(world)
            again = world.command("login", "alex", BROWSER=world.browser("alex"))
            assert again.returncode == 0, again.stderr
            journey.raised.append(("what login printed", (again.stdout + again.stderr).encode()))
            spotify_refuses(journey)
            the_program_is_broken(journey, monkeypatch)
            the_environment_is_wrong(journey, canaries)
            fault(world, path=POLLS, status=429, headers={"Retry-After": "40000"})
            journey.bad("limits this app's requests")
            bad_url = f"postgresql://pipeline:{canaries['wrong password']}@127.0.0.1:1/x"
            done = world.command("poll", DATABASE_URL=bad_url, TOKEN_ENCRYPTION_KEY=canaries["wrong Fernet key"])
            assert done.returncode == 1
        data = Path(str(psycopg.connect(postgres.admin_dsn()).execute("show data_directory").fetchone()[0]))  # type: ignore[index]
        pieces = [*in_tables(warehouse), *in_processes(data), *journey.raised]
        app(["db", "stop"], standalone_mode=False)
        out, err = capfd.readouterr()
        pieces += [("standard output", (out + done.stdout).encode()), ("standard error", (err + done.stderr).encode())]
        clear = [home / name for name in IN_THE_CLEAR]
        secrets = {
            **issued,
            **canaries,
            **{str(path): path.read_text().strip() for path in clear},
            "wrong password, decoded": unquote(canaries["wrong password"]),
            "the demo's client secret": SimulatorConfig().client_secret,
            "app": b64encode(f"{SimulatorConfig().client_id}:{canaries['client secret']}".encode()).decode(),
        }

        assert len(issued) > 20
        assert {path.stat().st_mode & 0o777 for path in clear} == {0o600}
        assert leaks(secrets, pieces) == []
        assert leaks(secrets, in_files(home, clear)) == []
        assert leaks(secrets, in_files(data)) == []
        assert all(len(list(in_files(folder))) > 100 for folder in (home, data)), "something was searched"
    finally:
        postgres.destroy()


CANARY = "canary/planted+in a place"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plain.log", f"a line\nwith {CANARY} in it".encode()),
        ("url.log", b"http://127.0.0.1/?code=canary%2Fplanted%2Bin%20a%20place"),
        ("basic.log", b64encode(CANARY.encode())),
        ("hex.log", b"\\x" + CANARY.encode().hex().encode()),
        ("object.json.gz", gzip.compress(f"{{{CANARY}}}".encode(), mtime=0)),
        ("snapshot", zlib.compress(CANARY.encode())),
        (CANARY, b"the name says it"),
    ],
)
def test_the_search_finds_what_is_planted_in_a_file(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / "deep" / "down" / name
    path.parent.mkdir(parents=True)
    (tmp_path / "harmless").write_bytes(b"nothing here")
    path.write_bytes(content)

    assert len(leaks({"it": CANARY}, in_files(tmp_path))) == 1
    assert leaks({"it": CANARY}, in_files(tmp_path, [path])) == []
    assert leaks({"it": "canary/planted elsewhere"}, in_files(tmp_path)) == []


def test_the_search_finds_what_is_planted_in_a_sqlite_database(tmp_path: Path) -> None:
    """Behind so much that the value is spread over pages, and packed as Dagster packs its snapshots."""
    with closing(sqlite3.connect(tmp_path / "history.db")) as database, database:
        database.execute("create table events (event text, snapshot blob)")
        database.execute(
            "insert into events values (?, ?)", ("x" * 4090 + CANARY, zlib.compress(b"y" * 9999 + CANARY.encode()))
        )

    assert "it lies in history.db, table events" in leaks({"it": CANARY}, in_files(tmp_path))


@pytest.mark.parametrize("kind", ["text", "bytea", "text[]", "jsonb", "packed"])
def test_the_search_finds_what_is_planted_in_a_table(warehouse: Warehouse, kind: str) -> None:
    values: dict[str, object] = {
        "text": f"so {CANARY}",
        "bytea": f"so {CANARY}".encode(),
        "text[]": ["so", CANARY],
        "jsonb": f'{{"so": "{CANARY}"}}',
        "packed": gzip.compress(CANARY.encode(), mtime=0),
    }
    with warehouse.connect() as connection:
        connection.execute(f"create table ops.planted (place {'bytea' if kind == 'packed' else kind})".encode())
        connection.execute("insert into ops.planted values (%s)", (values[kind],))

    assert leaks({"it": CANARY}, in_tables(warehouse)) == ["it lies in ops.planted.place"]


def test_the_search_finds_what_is_planted_in_an_exception_that_is_not_shown() -> None:
    def fail() -> None:
        try:
            raise KeyError(CANARY)
        except KeyError:
            raise ValueError("harmless") from None

    with pytest.raises(ValueError, match="harmless") as caught:
        fail()
    assert leaks({"it": CANARY}, [("the exception", shown(caught.value))]) == ["it lies in the exception"]
