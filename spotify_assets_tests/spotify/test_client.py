"""Every row of the failure table that a call to the Web API can meet, on real sockets."""

import gzip
import json
import re
import socket
import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from spotify_assets.spotify.client import Answer
from spotify_assets.spotify.exchange import Limits
from spotify_assets.spotify.outcomes import (
    AccessRefused,
    BadRequest,
    NotAllowedInTier,
    NotAllowlisted,
    NotFound,
    PremiumLapsed,
    QuotaExceeded,
    RateLimited,
    ReauthRequired,
    ScopeMissing,
    SpotifyError,
    Transient,
)
from spotify_assets_tests.spotify.conftest import NOW, SHORT, TOKEN, Caller, RawServer, caller, drip

PATH = "/v1/me/player/recently-played"
PAGE = b'{ "items": [],\n "next": null }'
QUOTA = {"error": {"status": 429, "message": "Too many requests", "reason": "QUOTA_EXCEEDED"}}

Spotify = tuple[HTTPServer, Caller]
StartRaw = Callable[[Callable[[socket.socket], None]], RawServer]


def answers(server: HTTPServer, *responses: Response | bytes) -> None:
    for response in responses:
        ready = Response(response, content_type="application/json") if isinstance(response, bytes) else response
        server.expect_ordered_request(PATH, query_string={"limit": "50"}).respond_with_response(ready)


def failing(status: int, body: object = None, **headers: str) -> Response:
    text = body if isinstance(body, str) else json.dumps(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(text, status=status, headers=named)


def calls(server: HTTPServer) -> list[Request]:
    return [request for request, _ in server.log]


def test_a_poll_asks_for_fifty_without_a_cursor_and_returns_the_bytes_as_they_came(spotify: Spotify) -> None:
    server, call = spotify
    answers(server, PAGE)
    assert call.client.recently_played() == Answer(PAGE, NOW)
    request = calls(server)[0]
    assert request.query_string == b"limit=50"
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert request.headers["User-Agent"] == "spotify-assets"


def test_a_compressed_answer_is_returned_uncompressed(spotify: Spotify) -> None:
    server, call = spotify
    answers(server, Response(gzip.compress(PAGE), headers={"Content-Encoding": "gzip"}))
    assert call.client.recently_played().body == PAGE


def test_a_page_of_another_shape_is_returned_for_the_loader_to_judge(spotify: Spotify) -> None:
    server, call = spotify
    answers(server, b'{"items": {"not": "a list"}}')
    assert call.client.recently_played().body == b'{"items": {"not": "a list"}}'


def test_me_needs_an_id_only_and_keeps_what_it_does_not_know(spotify: Spotify) -> None:
    server, call = spotify
    server.expect_request("/v1/me").respond_with_json({"id": "x", "account_id": None, "display_name": 3, "new": 1})
    profile = call.client.me()
    assert (profile.id, profile.account_id, profile.display_name, profile.account) == ("x", None, None, "x")
    assert profile.model_extra == {"new": 1}


def test_me_without_an_id_is_no_answer(spotify: Spotify) -> None:
    server, call = spotify
    server.expect_request("/v1/me").respond_with_json({"display_name": "Anna"})
    with pytest.raises(Transient, match="an account without an id"):
        call.client.me()


def test_netrc_and_cookies_never_mix_listeners(
    spotify: Spotify, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path_factory.mktemp("home")
    (home / ".netrc").write_text("machine localhost login a password b\nmachine 127.0.0.1 login a password b\n")
    (home / ".netrc").chmod(0o600)
    monkeypatch.setenv("HOME", str(home))
    server, call = spotify
    answers(server, Response(PAGE, headers={"Set-Cookie": "who=bert; Path=/"}), PAGE)
    call.client.recently_played()
    call.client.recently_played()
    assert [request.headers["Authorization"] for request in calls(server)] == [f"Bearer {TOKEN}"] * 2
    assert not any("Cookie" in request.headers for request in calls(server))


def test_a_simulator_is_reached_past_a_proxy(spotify: Spotify, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    server, call = spotify
    answers(server, PAGE)
    assert call.client.recently_played().body == PAGE


# --- 401


def test_a_401_is_answered_by_one_refresh_and_one_retry(spotify: Spotify) -> None:
    server, call = spotify
    answers(server, failing(401, {"error": {"status": 401, "message": "The access token expired"}}), PAGE)
    assert call.client.recently_played().body == PAGE
    assert call.rejected == [None, TOKEN]
    assert calls(server)[1].headers["Authorization"] == f"Bearer {TOKEN}-2"


def test_a_second_401_fails_that_listener_with_a_sentence(spotify: Spotify) -> None:
    server, call = spotify
    answers(server, failing(401, "no"), failing(401, "no"))
    with pytest.raises(AccessRefused, match=r"listener anna .* `spotify-assets login anna`"):
        call.client.recently_played()
    assert call.rejected == [None, TOKEN]
    assert call.slept == []


def test_a_401_after_a_bad_moment_is_still_refreshed_only_once(spotify: Spotify) -> None:
    server, call = spotify
    answers(server, failing(502, ""), failing(401, ""), failing(503, ""), PAGE)
    assert call.client.recently_played().body == PAGE
    assert call.rejected == [None, None, TOKEN, TOKEN]


def test_a_dead_login_is_reported_as_the_token_store_says_it(httpserver: HTTPServer) -> None:
    call = caller(httpserver.url_for("/v1"))

    def token(rejected: str | None) -> str:
        raise ReauthRequired("Refresh token expired", "anna")

    object.__setattr__(call.client, "token", token)
    with pytest.raises(ReauthRequired, match=r"listener anna \(Refresh token expired\)"):
        call.client.recently_played()
    assert calls(httpserver) == []


# --- 403 and 404, told apart


PREMIUM = (
    "Active premium subscription required for the owner of the app. When the subscription status changes, "
    "it can take a few hours before requests are allowed again."
)
UNREGISTERED = (
    "The user is not registered for this application. Please check your settings on "
    "https://developer.spotify.com/dashboard."
)


@pytest.mark.parametrize(
    ("status", "body", "outcome", "remedy"),
    [
        (403, {"error": {"status": 403, "message": "Forbidden"}}, NotAllowedInTier, "extended quota"),
        (403, {"error": {"status": 403}}, NotAllowedInTier, "extended quota"),
        (403, {"error": {"status": 403, "message": "Insufficient client scope"}}, ScopeMissing, "login anna"),
        (403, PREMIUM, PremiumLapsed, "renew it"),
        (403, {"error": {"status": 403, "message": PREMIUM}}, PremiumLapsed, "renew it"),
        (403, "User not registered in the Developer Dashboard", NotAllowlisted, "User Management"),
        (403, {"error": {"status": 403, "message": UNREGISTERED}}, NotAllowlisted, "User Management"),
        (403, "<html><h1>403 Forbidden</h1></html>", BadRequest, "HTTP 403"),
        (403, {"error": {"status": 403, "message": "Unavailable here"}}, BadRequest, "HTTP 403: Unavailable here"),
        (404, {"error": {"status": 404, "message": "Resource not found"}}, NotFound, "check the id"),
        (404, "nothing", NotFound, "check the id"),
        (400, {"error": {"status": 400, "message": "Invalid limit"}}, BadRequest, "HTTP 400: Invalid limit"),
        (400, {"error": "odd"}, BadRequest, "HTTP 400: odd"),
        (410, "", BadRequest, "HTTP 410"),
    ],
)
def test_each_refusal_has_its_own_outcome_and_remedy_and_is_not_retried(
    spotify: Spotify, status: int, body: object, outcome: type[SpotifyError], remedy: str
) -> None:
    server, call = spotify
    answers(server, failing(status, body))
    with pytest.raises(SpotifyError, match=re.escape(remedy)) as caught:
        call.client.recently_played()
    assert type(caught.value) is outcome
    assert len(calls(server)) == 1
    assert call.slept == []
    assert "\n" not in str(caught.value)


# --- 429


def test_a_short_rate_limit_is_waited_out_as_told(spotify: Spotify) -> None:
    server, call = spotify
    answers(server, failing(429, "Too many requests", Retry_After="7"), failing(429, "", Retry_After="60"), PAGE)
    assert call.client.recently_played().body == PAGE
    assert call.slept == [7, 60]


def test_a_rate_limit_that_does_not_say_how_long_waits_half_a_minute(spotify: Spotify) -> None:
    server, call = spotify
    answers(server, failing(429, {"error": {"status": 429, "message": "API rate limit exceeded"}}), PAGE)
    call.client.recently_played()
    assert call.slept == [30]


def test_short_waits_end_after_three(httpserver: HTTPServer) -> None:
    call = caller(httpserver.url_for("/v1"), Limits(call=1000))
    answers(httpserver, *[failing(429, "", Retry_After="59")] * 4)
    with pytest.raises(RateLimited) as caught:
        call.client.recently_played()
    assert caught.value.until == NOW + timedelta(seconds=59)
    assert call.slept == [59] * 3


def test_a_wait_that_the_call_has_no_time_for_is_not_begun(httpserver: HTTPServer) -> None:
    call = caller(httpserver.url_for("/v1"), Limits(call=10))
    answers(httpserver, failing(429, "", Retry_After="20"))
    with pytest.raises(RateLimited):
        call.client.recently_played()
    assert call.slept == []


def test_a_long_rate_limit_is_raised_with_its_end_and_never_slept(spotify: Spotify) -> None:
    server, call = spotify
    answers(server, failing(429, "Too many requests", Retry_After="61"))
    with pytest.raises(RateLimited, match="2026-11-21 12:01 UTC") as caught:
        call.client.recently_played()
    assert caught.value.until == NOW + timedelta(seconds=61)
    assert call.slept == []


@pytest.mark.parametrize(("told", "seconds"), [("48925", 48925), ("5", 5), (None, 3600), ("soon", 3600)])
def test_a_used_up_quota_is_raised_with_its_end_however_short(spotify: Spotify, told: str | None, seconds: int) -> None:
    server, call = spotify
    answers(server, failing(429, QUOTA, **({"Retry_After": told} if told else {})))
    with pytest.raises(QuotaExceeded, match="daily quota") as caught:
        call.client.recently_played()
    assert caught.value.until == NOW + timedelta(seconds=seconds)
    assert call.slept == []


# --- bad moments


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_after_four_tries_with_growing_waits_that_listener_fails_alone(spotify: Spotify, status: int) -> None:
    server, call = spotify
    answers(server, *[failing(status, {"error": {"status": status, "message": "Bad gateway."}})] * 4)
    with pytest.raises(Transient, match=rf"anna \(HTTP {status}, 4 tries\): nothing is lost"):
        call.client.recently_played()
    assert call.slept == [1, 2, 4]


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Bad gateway</html>",
        b"",
        b'{"items": [',
        b"[]",
        b"null",
        b'{"items": NaN}',
        b"\xff\xfe\xfa",
        b"[" * 90_000,
    ],
    ids=["html", "nothing", "half", "list", "null", "nan", "binary", "deep"],
)
def test_a_good_status_with_a_body_that_is_no_json_object_is_a_bad_moment(spotify: Spotify, body: bytes) -> None:
    server, call = spotify
    answers(server, body, PAGE)
    assert call.client.recently_played().body == PAGE
    assert call.slept == [1]


def test_a_redirect_is_not_followed(spotify: Spotify) -> None:
    server, call = spotify
    answers(server, *[failing(302, "", Location=server.url_for("/elsewhere"))] * 4)
    with pytest.raises(Transient, match="HTTP 302"):
        call.client.recently_played()
    assert {request.path for request in calls(server)} == {PATH}


def test_nobody_listening_is_a_bad_moment() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    call = caller(f"http://127.0.0.1:{port}/v1")
    with pytest.raises(Transient, match="no connection, or it was cut, 4 tries"):
        call.client.recently_played()


def test_an_answer_above_the_size_limit_is_not_read_on(spotify: Spotify) -> None:
    server, call = spotify
    answers(server, *[gzipped_zeros()] * 4)
    with pytest.raises(Transient, match="more than 100,000 bytes"):
        call.client.recently_played()


def gzipped_zeros() -> Response:
    return Response(gzip.compress(b"0" * 5_000_000), headers={"Content-Encoding": "gzip"})


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200",
        HEAD + b"Content-Length: 500\r\n\r\n" + PAGE,
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n1e\r\n" + PAGE[:9],
        HEAD + b"Connection: close\r\n\r\n" + PAGE[:9],
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
    ids=["at once", "in the status line", "in a body of known length", "in a chunk", "unannounced", "no http"],
)
def test_a_connection_cut_anywhere_is_a_bad_moment(raw_server: StartRaw, sent: bytes) -> None:
    server = raw_server(lambda connection: connection.sendall(sent))
    call = caller(f"{server.url}/v1")
    with pytest.raises(Transient, match="4 tries"):
        call.client.recently_played()
    assert server.connections == 4


def test_a_silent_server_is_given_up(raw_server: StartRaw) -> None:
    server = raw_server(lambda _: time.sleep(3))
    call = caller(f"{server.url}/v1")
    before = time.monotonic()
    with pytest.raises(Transient, match="time-out, 4 tries"):
        call.client.recently_played()
    assert time.monotonic() - before < 4 * SHORT.exchange


@pytest.mark.parametrize(
    "dripped", [HEAD + b"X: " + b"x" * 200, PAGE + b" " * 200], ids=["in the headers", "in the body"]
)
def test_a_server_that_drips_is_cut_off_when_the_time_of_the_exchange_is_over(
    raw_server: StartRaw, dripped: bytes
) -> None:
    def serve(connection: socket.socket) -> None:
        if dripped.startswith(PAGE):
            connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(dripped))
        drip(connection, dripped)

    server = raw_server(serve)
    call = caller(f"{server.url}/v1")
    before = time.monotonic()
    with pytest.raises(Transient, match="time-out, 4 tries"):
        call.client.recently_played()
    assert 4 * SHORT.exchange <= time.monotonic() - before < 4 * SHORT.exchange + 3


def test_a_whole_call_is_bounded_in_time(raw_server: StartRaw) -> None:
    server = raw_server(lambda connection: drip(connection, b"x" * 200))
    call = caller(f"{server.url}/v1", Limits(exchange=5, call=1.5))
    before = time.monotonic()
    with pytest.raises(Transient, match="time-out"):
        call.client.recently_played()
    assert time.monotonic() - before < 4
