"""Pages of charts: what each source sends is read, and a page that has changed its shape is refused with a sentence."""

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime

import pytest
import requests

from spotify_assets.charts.pages import PageChanged, read_chart
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer

NOW = datetime(2026, 3, 4, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(SimulatorConfig(at=NOW)) as server:
        yield server


def page(simulator: SimulatorServer, path: str) -> bytes:
    answer = requests.get(f"{simulator.url}{path}", timeout=10)
    answer.raise_for_status()
    return answer.content


KWORB = "/kworb/spotify/country/global_daily.html"
DEEZER = "/deezer/playlist/3155776842/tracks?limit=50"


def test_kworb_s_page_gives_spotify_s_ids_its_own_date_and_the_streams(simulator: SimulatorServer) -> None:
    chart = read_chart(page(simulator, KWORB), NOW)
    truth = simulator.world.charts.standings(NOW)[:50]
    assert (chart.source, chart.chart, chart.chart_date) == ("kworb", "global_daily", date(2026, 3, 3))
    assert not chart.date_is_fetch_day
    assert [(e.position, e.track_id, e.title, e.streams) for e in chart.entries] == [
        (standing.position, standing.track.id, standing.track.name, standing.streams) for standing in truth
    ]
    names = simulator.world.catalogue.artist_name
    assert all(entry.artists.startswith(names(s.track.artist)) for entry, s in zip(chart.entries, truth, strict=True))


def test_deezer_s_chart_is_of_the_day_of_fetching_and_has_its_own_ids(simulator: SimulatorServer) -> None:
    chart = read_chart(page(simulator, DEEZER), NOW)
    assert (chart.source, chart.chart_date, chart.date_is_fetch_day) == ("deezer", date(2026, 3, 4), True)
    assert [entry.position for entry in chart.entries] == list(range(1, 51))
    assert all(entry.track_id is None and entry.source_id and entry.streams is None for entry in chart.entries)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (b"2026/03/03", b"3 March", "its title has no date"),
        (b"2026/03/03", b"2026/02/31", "has the date 2026/02/31"),
        (b"2026/03/03", b"2062/03/02", "has the date 2062/03/02, which has not come"),
        (b"2026/03/03", b"2026/03/06", "has the date 2026/03/06, which has not come"),
        (b"<td>2</td>", b"<td>3</td>", "row 2 says position '3'"),
        (b"../track/", b"../song/", "row 1 has no link to a track"),
        (b"<td></td>", b"", "columns and not 11"),
        (b"<tr><td>31</td>", b"<!-- ", "it has 30 rows"),
    ],
)
def test_a_page_of_kworb_s_that_has_changed_is_refused(
    simulator: SimulatorServer, old: bytes, new: bytes, sentence: str
) -> None:
    changed = page(simulator, KWORB).replace(old, new)
    with pytest.raises(PageChanged, match="kworb's page is not what it was") as refused:
        read_chart(changed, NOW)
    assert sentence in str(refused.value)


@pytest.mark.parametrize("streams", ["9" * 16, "9,999,999,999,999,999,999", "9" * 5000])
def test_streams_that_are_too_many_to_be_true_are_refused(simulator: SimulatorServer, streams: str) -> None:
    """Postgres and Python refuse such numbers, with errors that once stopped every later load."""
    whole = page(simulator, KWORB)
    first = f"{read_chart(whole, NOW).entries[0].streams:,}".encode()
    with pytest.raises(PageChanged, match=r"row 1 has '9+.* where the streams were"):
        read_chart(whole.replace(first, streams.encode()), NOW)


def test_a_byte_order_mark_before_kworb_s_page_is_no_matter(simulator: SimulatorServer) -> None:
    whole = page(simulator, KWORB)
    assert read_chart(b"\xef\xbb\xbf" + whole, NOW) == read_chart(whole, NOW)


def test_a_chart_may_be_of_the_day_that_it_is_at_kworb_s(simulator: SimulatorServer) -> None:
    tomorrow = page(simulator, KWORB).replace(b"2026/03/03", b"2026/03/05")
    assert read_chart(tomorrow, NOW).chart_date == date(2026, 3, 5)


@pytest.mark.parametrize("number", [True, "7", None, 7.5])
def test_deezer_s_ids_are_whole_numbers(simulator: SimulatorServer, number: object) -> None:
    chart = json.loads(page(simulator, DEEZER))
    chart["data"][3]["id"] = number
    with pytest.raises(PageChanged, match="row 4 lacks its title, artist or id"):
        read_chart(json.dumps(chart).encode(), NOW)


def test_a_page_of_kworb_s_that_is_cut_off_behind_its_table_is_read(simulator: SimulatorServer) -> None:
    cut = page(simulator, KWORB).replace(b"</table>", b"</table><!--")
    assert len(read_chart(cut, NOW).entries) == 50


@pytest.mark.parametrize("layout", ["a column more", "no links"])
def test_the_simulator_s_changed_tables_are_refused(simulator: SimulatorServer, layout: str) -> None:
    app = f"{simulator.url}/_sim/app"
    requests.post(app, json={"kworb_table": layout}, timeout=10).raise_for_status()
    try:
        with pytest.raises(PageChanged, match="The last good chart stays"):
            read_chart(page(simulator, KWORB), NOW)
    finally:
        requests.post(app, json={"kworb_table": "usual"}, timeout=10).raise_for_status()


NO_CHARTS = [
    b"{}",
    b"[]",
    b"hello",
    b'{"items": []}',
    b'{"data": []}',
    b"<html></html>",
    b"<!DOCTYPE html>",
    b"<!-- x -->",
    b"<?xml version='1.0'?>",
    b"</html>",
]


@pytest.mark.parametrize("other", NO_CHARTS)
def test_what_is_no_chart_is_refused(other: bytes) -> None:
    """A page of markup without an element is no document to lxml, whose error once stopped every later load."""
    with pytest.raises(PageChanged):
        read_chart(other, NOW)
