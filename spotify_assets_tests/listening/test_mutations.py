"""Answers as no contract allows them: whatever Spotify sends, nothing crashes, what can be read loads, the rest waits.

Each case is a real page with something done to it, sent over HTTP, landed and loaded. `make test` draws two hundred,
`make soak` five thousand.
"""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Response

from spotify_assets.listening import loading
from spotify_assets.listening.ledger import DATASET
from spotify_assets.listening.loading import load_objects
from spotify_assets.listening.pages import unreadable_page
from spotify_assets.simulator.replay import recorded_polls
from spotify_assets.spotify.exchange import Limits
from spotify_assets.spotify.outcomes import Transient
from spotify_assets.storage.folder_lake import FolderLake
from spotify_assets.storage.lake import Lake
from spotify_assets.storage.landing import Landing
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.sizes import size
from spotify_assets_tests.spotify.conftest import Caller, caller

CASES = size(100, 5000)
AT = datetime(2022, 9, 8, tzinfo=UTC)
ITEMS = 4
HTML = b"<!doctype html><html><body>Please log in to the Wi-Fi</body></html>"
Path_ = tuple[str | int, ...]

_odd = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.just(10**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.sampled_from(["", "\x00", "\ud800", "x" * 100_000, "9999-99-99T99:99:99Z", "2022-09-01T00:00:00"]),
    st.just([]),
    st.just({}),
    st.just([[[[{}]]]]),
    st.just({"id": "other"}),
)
"""What a field turns into."""


def paths(value: object, at: Path_ = ()) -> Iterator[Path_]:
    """Every place of a JSON value below the top."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in inside:
        yield (*at, key)
        yield from paths(child, (*at, key))


@dataclass
class Mutated:
    """A page after mutations; `touched` are the places that were changed."""

    page: Any
    touched: list[Path_] = field(default_factory=list)

    def change(self, path: Path_, *, drop: bool, value: object) -> None:
        parent = self.page
        for key in path[:-1]:
            parent = parent[key]
        if drop:
            del parent[path[-1]]
        else:
            parent[path[-1]] = value
        self.touched.append(path)


@st.composite
def mutated(draw: st.DrawFn, original: object) -> Mutated:
    """A page in which up to four places were dropped, or hold something else."""
    found = Mutated(copy.deepcopy(original))
    for _ in range(draw(st.integers(1, 4))):
        here = list(paths(found.page))
        if here:
            drop = draw(st.booleans())
            found.change(draw(st.sampled_from(here)), drop=drop, value=None if drop else copy.deepcopy(draw(_odd)))
    return found


def broken(body: bytes) -> st.SearchStrategy[bytes]:
    """The bytes of a page after something happened to them on the way."""
    places = st.integers(1, len(body) - 1)
    return st.one_of(
        places.map(lambda at: body[:at]),
        places.map(lambda at: body[:at] + b"\xff\xfe\x80" + body[at:]),
        places.map(lambda at: body[:at] + b"\x00" + body[at:]),
        st.just(HTML),
        st.just(b""),
        st.just(b"\xef\xbb\xbf" + body),
        st.just(body.decode().encode("utf-16")),
        st.just(b"[" * 100_000),
        st.just(b"[" + body + b"]"),
        st.just(b"null"),
        st.just(body.replace(b'"limit": 50', b'"limit": Infinity')),
        st.just(b'"' + b"x" * 1_000_000 + b'"'),
    )


@pytest.fixture(scope="module")
def original(real_data: Path) -> dict[str, Any]:
    """A real page, cut to its newest plays."""
    poll = recorded_polls(real_data / "api/recently_played_polls_2022-09-01_to_07.jsonl.xz")[0]
    page: dict[str, Any] = json.loads(poll.body)
    page["items"] = page["items"][:ITEMS]
    return page


@dataclass
class Pipe:
    """The way of one answer from the server into the warehouse. Each case is another listener's."""

    server: HTTPServer
    caller: Caller
    landing: Landing
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def send(self, body: bytes) -> tuple[str, str | None]:
        """The listener of this case, and the key under which the answer landed; None where it was no answer."""
        user = f"u{next(self.numbers)}"
        self.server.clear()
        self.server.expect_request("/v1/me/player/recently-played").respond_with_handler(
            lambda _: Response(body, content_type="application/json")
        )
        try:
            answer = self.caller.client.recently_played()
        except Transient:
            return user, None
        key = self.landing.land(DATASET, answer.body, AT + timedelta(seconds=int(user[1:])), user).key
        load_objects(self.landing.warehouse, self.landing.lake, [key])
        return user, key

    def rows(self, query: str, *parameters: object) -> list[Any]:
        with self.landing.warehouse.connect() as connection:
            return connection.execute(query.encode(), parameters).fetchall()


@pytest.fixture
def pipe(httpserver: HTTPServer, warehouse: Warehouse, tmp_path: Path) -> Pipe:
    lake: Lake = FolderLake(tmp_path / "lake", tmp_path)
    sent = caller(httpserver.url_for("/v1"), Limits(read=5, exchange=5, call=100))
    return Pipe(httpserver, sent, Landing(lake, warehouse))


def plays_of(page: dict[str, Any]) -> set[tuple[str, str]]:
    return {(item["played_at"], item["track"]["id"]) for item in page["items"]}


STORED = """
    select to_char(played_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), track_id from raw.plays where user_id = %s
"""
_hypothesis = settings(
    max_examples=CASES,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    database=None,
)


def test_fields_dropped_retyped_nulled_and_huge_cost_no_play_beside_them(
    pipe: Pipe, original: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An item in which nothing was touched is loaded; of each other one the play is loaded or the reason is kept."""

    @_hypothesis
    @given(mutated(original))
    def check(case: Mutated) -> None:
        user, key = pipe.send(json.dumps(case.page).encode())
        stored = set(pipe.rows(STORED, user))
        reasons = dict(pipe.rows("select position, reason from raw.quarantine where lake_key = %s", key))
        assert key is not None
        if ("items",) in case.touched:
            assert stored or reasons or case.page.get("items") in ([], None)
            return
        # A dropped item moves the others up, so that only the items themselves tell what is untouched.
        whole = [item for item in case.page["items"] if item in original["items"]]
        assert plays_of({"items": whole}) <= stored
        for number, item in enumerate(case.page["items"]):
            if item not in whole and not any(at.startswith(f"/items/{number}") for at in reasons):
                assert (item["played_at"][:23], item["track"].get("id")) in {(at[:23], id_) for at, id_ in stored} or (
                    item["track"].get("uri") in {id_ for _, id_ in stored}
                )
        assert all(reasons.values())

    check()
    _loads_again_once_it_can_be_read(pipe, monkeypatch)


def test_bytes_broken_on_the_way_are_no_answer_or_are_kept_with_the_reason(
    pipe: Pipe, original: dict[str, Any]
) -> None:
    """What is no JSON object never lands: the next poll brings the page whole."""
    body = json.dumps(original).encode()
    quick = replace(pipe.caller.client, jitter=lambda: 0.0)
    pipe.caller.client = quick
    landed = 0

    @settings(_hypothesis, max_examples=CASES // 4)
    @given(broken(body))
    def check(sent: bytes) -> None:
        nonlocal landed
        user, key = pipe.send(sent)
        if key is None:
            assert pipe.rows(STORED, user) == []
            return
        landed += 1
        assert plays_of(original) == set(pipe.rows(STORED, user)) or pipe.rows(
            "select 1 from raw.quarantine where lake_key = %s", key
        )

    check()
    assert pipe.send(body)[1] is not None


def _loads_again_once_it_can_be_read(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that could read none of the pages, and then the one that can: the rows are what they were."""
    tables = ("raw.plays", "raw.quarantine", "raw.tracks", "raw.track_versions", "raw.artists")

    def state() -> list[Any]:
        return [pipe.rows(f"select t::text from {table} as t order by 1") for table in tables]

    before = state()
    keys = [key for (key,) in pipe.rows("select lake_key from ops.landed_objects order by 1")]
    pipe.rows("with gone as (delete from raw.plays returning 1) select count(*) from gone")
    with monkeypatch.context() as patched:
        patched.setattr(loading, "read_page", lambda _payload: unreadable_page("no program can read this"))
        load_objects(pipe.landing.warehouse, pipe.landing.lake, keys)
    assert pipe.rows("select distinct reason, position from raw.quarantine") == [("no program can read this", "")]

    load_objects(pipe.landing.warehouse, pipe.landing.lake, keys)

    assert state() == before
