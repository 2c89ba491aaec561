"""The page on this machine that Spotify sends the browser to."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests

from spotify_assets.spotify.callback import Callback
from spotify_assets.spotify.consent import REDIRECT_URI
from spotify_assets.spotify.oauth import SpotifyApp
from spotify_assets.spotify.outcomes import LoginRefused
from spotify_assets_tests.conftest import free_port

APP = SpotifyApp("app", None, "http://127.0.0.1:9", "http://127.0.0.1:9/v1")


@pytest.fixture
def callback() -> Iterator[Callback]:
    with Callback(APP, "alex", REDIRECT_URI) as listening:
        yield listening


@pytest.fixture
def browser() -> Iterator[ThreadPoolExecutor]:
    """Visits pages that answer later."""
    with ThreadPoolExecutor() as pool:
        yield pool


def visit(uri: str, query: str = "") -> requests.Response:
    return requests.get(f"{uri}?{query}" if query else uri, timeout=10)


def test_the_browser_waits_for_what_came_of_it(callback: Callback, browser: ThreadPoolExecutor) -> None:
    consent = callback.consent
    visited: Future[requests.Response] = browser.submit(
        visit, callback.consent.redirect_uri, f"code=canary-code&state={consent.state}"
    )
    arrival = callback.wait(10)
    assert consent.code_in(arrival.query) == "canary-code"
    assert not visited.done()
    arrival.answer(200, "Connected", "alex <is> connected")
    page = visited.result(10)
    assert page.status_code == 200
    assert "alex &lt;is&gt; connected" in page.text
    assert "canary-code" not in page.text
    assert consent.state not in page.text
    assert "canary-code" not in repr(arrival)
    assert page.headers["Cache-Control"] == "no-store"
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    again = visit(callback.consent.redirect_uri, f"code=canary-code&state={consent.state}")
    assert (again.status_code, "Answered already" in again.text) == (400, True)


def test_strangers_are_sent_away_without_ending_the_wait(callback: Callback, browser: ThreadPoolExecutor) -> None:
    consent = callback.consent
    waiting = browser.submit(callback.wait, 10)
    elsewhere = callback.consent.redirect_uri.removesuffix("/callback")
    for path in ("", "/", "/favicon.ico", f"/callback/x?code=x&state={consent.state}"):
        assert visit(elsewhere + path).status_code == 404
    for query in ("", "code=x", "code=x&state=wrong", "error=access_denied&state=wrong"):
        answer = visit(callback.consent.redirect_uri, query)
        assert (answer.status_code, "another login" in answer.text.lower()) == (400, True)
    assert not waiting.done()
    visited = browser.submit(visit, callback.consent.redirect_uri, f"error=access_denied&state={consent.state}")
    arrival = waiting.result(10)
    arrival.answer(400, "Not connected", "why")
    assert visited.result(10).status_code == 400


def test_nobody_s_line_is_printed(
    callback: Callback, browser: ThreadPoolExecutor, capfd: pytest.CaptureFixture[str]
) -> None:
    consent = callback.consent
    visited = browser.submit(visit, callback.consent.redirect_uri, f"code=canary-code&state={consent.state}")
    callback.wait(10).answer(200, "Connected", "")
    visited.result(10)
    assert capfd.readouterr() == ("", "")


def test_who_waits_in_vain_is_told_what_may_be_wrong(callback: Callback) -> None:
    with pytest.raises(LoginRefused, match=r"add exactly http://127\.0\.0\.1/callback to the app's settings"):
        callback.wait(0.1)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_port_that_is_given_is_the_one_and_only_ours(host: str) -> None:
    uri = f"http://{host}:{free_port()}/some/where"
    with Callback(APP, "alex", uri) as callback:
        assert callback.consent.redirect_uri == uri
        with pytest.raises(LoginRefused, match=r"Nothing can listen at .*in use.*--no-browser"):
            Callback(APP, "alex", uri)


def test_without_a_port_a_free_one_is_taken(callback: Callback) -> None:
    assert callback.consent.redirect_uri.startswith("http://127.0.0.1:")
    assert callback.consent.redirect_uri.endswith("/callback")
    assert (urlsplit(callback.consent.redirect_uri).port or 0) > 1024
