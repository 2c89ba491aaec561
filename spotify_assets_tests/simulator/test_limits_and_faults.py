"""What goes wrong on purpose: limits, quota, Premium, allow-list, outages, cut connections, latency."""

from concurrent.futures import ThreadPoolExecutor
from time import monotonic

import pytest
import requests

from spotify_assets.simulator.config import listener_names
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets_tests.simulator.browser import admin, ask, log_in
from spotify_assets_tests.simulator.conftest import Start


def test_the_rate_limit_counts_any_thirty_seconds(start: Start) -> None:
    app = log_in(start(rate_limit=3))
    statuses = []
    for _ in range(4):
        statuses.append(app.get("/me").status_code)
        admin(app.server, "clock", {"advance_seconds": 5})
    refused = app.get("/me")
    assert statuses == [200, 200, 200, 429]
    assert refused.json() == {"error": {"status": 429, "message": "API rate limit exceeded"}}
    assert refused.headers["retry-after"] == "10"
    admin(app.server, "clock", {"advance_seconds": 10})
    assert app.get("/me").status_code == 200


def test_a_429_can_come_without_retry_after(start: Start) -> None:
    app = log_in(start(rate_limit=0, retry_after=False))
    refused = app.get("/me")
    assert (refused.status_code, "retry-after" in refused.headers) == (429, False)


def test_the_daily_quota_blocks_for_half_a_day_and_all_listeners(start: Start) -> None:
    server = start(daily_quota=5, listeners=("alex", "bo"))
    alex, bo = log_in(server, "alex"), log_in(server, "bo")
    assert [alex.get("/me").status_code for _ in range(5)] == [200] * 5
    refused = bo.get("/me")
    assert refused.status_code == 429
    assert refused.json() == {"error": {"status": 429, "message": "Too many requests", "reason": "QUOTA_EXCEEDED"}}
    wait = int(refused.headers["retry-after"])
    assert 13 * 3600 <= wait <= 15 * 3600
    admin(server, "clock", {"advance_seconds": wait - 1})
    assert log_in(server).get("/me").headers["retry-after"] == "1"
    admin(server, "clock", {"advance_seconds": 1})
    assert log_in(server).get("/me").status_code == 200


def test_a_lapsed_premium_is_plain_text_and_only_in_development_mode(start: Start) -> None:
    app = log_in(start(premium=False))
    refused = app.get("/me")
    assert (refused.status_code, refused.headers["content-type"]) == (403, "text/plain; charset=utf-8")
    assert refused.text.startswith("Active premium subscription required for the owner of the app.")
    admin(app.server, "app", {"tier": "extended"})
    assert app.get("/me").status_code == 200


def test_who_is_not_allow_listed_is_told_so(start: Start) -> None:
    server = start(listeners=("alex", "bo"), allowlist=("alex",))
    assert log_in(server, "alex").get("/me").status_code == 200
    refused = log_in(server, "bo").get("/me")
    assert refused.status_code == 403
    assert refused.json()["error"]["message"].startswith("The user is not registered for this application.")


def test_an_outage_ends_when_it_was_told_to(server: SimulatorServer) -> None:
    app = log_in(server)
    body = {"error": {"status": 502, "message": "Bad gateway."}}
    admin(server, "faults", {"path": "/v1/*", "status": 502, "body": body, "count": 2})
    assert [app.get("/me").status_code for _ in range(3)] == [502, 502, 200]
    admin(server, "faults", {"path": "/api/token", "status": 503, "body": "<html>", "until": "2026-11-21T12:10:00Z"})
    assert (app.refresh().status_code, app.refresh().text) == (503, "<html>")
    admin(server, "clock", {"now": "2026-11-21T12:10:00Z"})
    assert app.refresh().status_code == 200


def test_a_fault_hits_one_listener_and_can_be_taken_back(start: Start) -> None:
    server = start(listeners=("alex", "bo"))
    alex, bo = log_in(server, "alex"), log_in(server, "bo")
    admin(server, "faults", {"user": "bo", "status": 500})
    assert (alex.get("/me").status_code, bo.get("/me").status_code, bo.refresh().status_code) == (200, 500, 500)
    assert ask(server, "faults").json()["faults"][0]["hits"] == 2
    requests.delete(f"{server.url}/_sim/faults", timeout=5)
    assert bo.get("/me").status_code == 200


def test_a_cut_connection_breaks_in_the_middle_of_the_answer(server: SimulatorServer) -> None:
    app = log_in(server)
    admin(server, "faults", {"path": "/v1/me", "cut": True, "count": 1})
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        app.get("/me")
    assert app.get("/me").status_code == 200


def test_a_rotation_can_be_done_and_its_answer_lost(start: Start) -> None:
    app = log_in(start(rotation="single_use"))
    admin(app.server, "faults", {"path": "/api/token", "status": 502, "after_handling": True, "count": 1})
    assert app.refresh().status_code == 502
    assert app.refresh().json()["error_description"] == "Refresh token revoked"


def test_broken_json_with_a_200_is_possible(server: SimulatorServer) -> None:
    app = log_in(server)
    admin(server, "faults", {"status": 200, "body": '{"items": ['})
    assert (app.get("/me").status_code, app.get("/me").text) == (200, '{"items": [')


def test_an_unknown_admin_field_is_refused(server: SimulatorServer) -> None:
    answer = requests.post(f"{server.url}/_sim/faults", json={"sttaus": 500}, timeout=5)
    assert answer.status_code == 400


def test_many_listeners_are_served_at_once_in_spite_of_latency(start: Start) -> None:
    server = start(listeners=listener_names(40), latency_seconds=0.2)
    with ThreadPoolExecutor(40) as pool:
        apps = list(pool.map(lambda user: log_in(server, user), server.world.accounts))
        began = monotonic()
        pages = list(pool.map(lambda app: app.get("/me/player/recently-played", limit=50), apps))
    assert monotonic() - began < 6
    assert {page.status_code for page in pages} == {200}
    assert len({page.json()["items"][0]["played_at"] for page in pages}) == 40
