"""The simulated Slack takes and refuses what Slack does, asked by Slack's own client."""

from collections.abc import Iterator

import pytest
import requests
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.server import SimulatorServer
from spotify_assets.simulator.slack import BOT_TOKEN


@pytest.fixture(scope="module")
def simulator() -> Iterator[SimulatorServer]:
    with SimulatorServer(SimulatorConfig(slack_messages_a_minute=30)) as running:
        yield running


def client(simulator: SimulatorServer, token: str = BOT_TOKEN) -> WebClient:
    made = WebClient(token, base_url=simulator.slack["SLACK_API_URL"])
    made.proxy = None
    return made


def section(text: object) -> dict[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def test_messages_are_taken_by_name_and_id_and_webhook_and_can_be_listed(simulator: SimulatorServer) -> None:
    slack = client(simulator)
    assert slack.auth_test()["team"] == "Listeners"
    assert slack.chat_postMessage(channel="#listening", text="one")["channel"] == "C0LISTENING"
    slack.chat_postMessage(channel="C0ALEX", text="two", blocks=[section("*2*"), section("more")])
    hook = requests.post(simulator.slack_webhook_url, json={"text": "three"}, timeout=10)
    assert (hook.status_code, hook.text) == (200, "ok")
    listed = requests.get(f"{simulator.url}/_sim/slack", timeout=10).json()["messages"]
    assert [(message["channel"], message["shown"]) for message in listed] == [
        ("C0LISTENING", "one"),
        ("C0ALEX", "*2*\nmore"),
        ("C0LISTENING", "three"),
    ]
    requests.delete(f"{simulator.url}/_sim/slack", timeout=10)
    assert simulator.world.slack.messages == []


@pytest.mark.parametrize(
    ("channel", "message", "code"),
    [
        ("#nowhere", {"text": "a"}, "channel_not_found"),
        ("#strangers", {"text": "a"}, "not_in_channel"),
        ("#archived", {"text": "a"}, "is_archived"),
        ("#listening", {"text": ""}, "no_text"),
        ("#listening", {"text": "a" * 40_001}, "msg_too_long"),
        ("#listening", {"text": "a", "blocks": [section("a")] * 51}, "invalid_blocks"),
        ("#listening", {"text": "a", "blocks": [section("a" * 3001)]}, "invalid_blocks"),
        ("#listening", {"text": "a", "blocks": [section("")]}, "invalid_blocks"),
        ("#listening", {"text": "a", "blocks": [{"type": "section"}]}, "invalid_blocks"),
        ("#listening", {"text": "a", "blocks": [section("a" * 2900)] * 5}, "msg_blocks_too_long"),
    ],
)
def test_what_slack_refuses_is_refused(
    channel: str, message: dict[str, object], code: str, simulator: SimulatorServer
) -> None:
    with pytest.raises(SlackApiError) as refused:
        client(simulator).api_call("chat.postMessage", json={"channel": channel, **message})
    assert refused.value.response["error"] == code


def test_tokens_webhooks_and_haste_are_refused_as_slack_does(simulator: SimulatorServer) -> None:
    with pytest.raises(SlackApiError, match="invalid_auth"):
        client(simulator, "xoxb-other").auth_test()
    url = simulator.slack_webhook_url
    assert requests.post(f"{url}x", json={"text": "a"}, timeout=10).text == "no_service"
    assert requests.post(url, data="{", timeout=10).text == "invalid_payload"
    assert requests.post(url, json={"blocks": [section("a")] * 51}, timeout=10).text == "invalid_blocks"
    for _ in range(30):
        hasty = requests.post(url, json={"text": "a"}, timeout=10)
    assert (hasty.status_code, hasty.text) == (429, "rate_limited")
    assert 1 <= int(hasty.headers["Retry-After"]) <= 61
    with pytest.raises(SlackApiError, match="ratelimited"):
        client(simulator).chat_postMessage(channel="#listening", text="a")
