"""Slack: `auth.test`, `chat.postMessage` and an incoming webhook, with Slack's limits and refusals.

Errors of the Web API are answers with status 200 and `ok: false`; those of a webhook are plain text with a status.
What was taken is kept, for `GET /_sim/slack`. An outage is a fault on `/slack/*`.
"""

import json
import time

from starlette.responses import PlainTextResponse, Response

from spotify_assets.simulator.http import Call, Handler, bearer, json_response
from spotify_assets.simulator.shapes import Json
from spotify_assets.simulator.workspace import Posted
from spotify_assets.simulator.world import World

BOT_TOKEN = "xoxb-1-simulated-bot"  # noqa: S105 - the made-up bot of a made-up Slack
CHANNEL = "#listening"
WEBHOOK = "/services/T000000/B000000/simulated"
# The bot may write here, by name or by id; the others it is told apart by.
_JOINED = {CHANNEL: "C0LISTENING", "#alex": "C0ALEX", "#bo": "C0BO"}
_NOT_JOINED, _ARCHIVED = "#strangers", "#archived"
# https://docs.slack.dev/reference/block-kit/blocks, and chat.postMessage on truncating and on what is too long.
MOST_BLOCKS, LONGEST_SECTION, LONGEST_TEXT, LONGEST_BLOCKS = 50, 3000, 40_000, 13_200
_MINUTE = 60


def auth_test(_world: World, call: Call) -> Response:
    """`POST /slack/api/auth.test`."""
    code = _refused_token(call)
    return _error(code) if code else json_response({"ok": True, "team": "Listeners", "user": "spotify-assets"})


def post_message(world: World, call: Call) -> Response:
    """`POST /slack/api/chat.postMessage`, with JSON or a form."""
    if code := _refused_token(call):
        return _error(code)
    if (wait := _wait(world)) is not None:
        return json_response({"ok": False, "error": "ratelimited"}, 429, {"Retry-After": str(wait)})
    is_json = call.headers.get("content-type", "").startswith("application/json")
    given = _json(call.body) if is_json else {**call.form}
    if given is None:
        return _error("invalid_json")
    channel = str(given.get("channel", ""))
    if code := _refused_channel(channel) or _refused_message(given):
        return _error(code)
    posted = _keep(world, _JOINED.get(channel, channel), given)
    return json_response({"ok": True, "channel": posted.channel, "ts": f"{posted.at.timestamp():.6f}"})


def webhook(world: World, call: Call) -> Response:
    """`POST /slack/services/…`."""
    if call.path != f"/slack{WEBHOOK}":
        return PlainTextResponse("no_service", 404)
    if (wait := _wait(world)) is not None:
        return PlainTextResponse("rate_limited", 429, {"Retry-After": str(wait)})
    given = _json(call.body)
    code = "invalid_payload" if given is None else _refused_message(given)
    if given is None or code:
        return PlainTextResponse(code, 400)
    _keep(world, _JOINED[CHANNEL], given)
    return PlainTextResponse("ok")


ROUTES: dict[str, Handler] = {
    "/api/auth.test": auth_test,
    "/api/chat.postMessage": post_message,
    "/services/{rest:path}": webhook,
}


def _keep(world: World, channel: str, given: Json) -> Posted:
    posted = Posted(world.clock.now(), channel, str(given.get("text", "")), tuple(_texts(given)))
    world.slack.messages.append(posted)
    return posted


def _refused_token(call: Call) -> str:
    token = bearer(call.headers) or call.form.get("token")
    return "not_authed" if token is None else "" if token == BOT_TOKEN else "invalid_auth"


def _refused_channel(channel: str) -> str:
    if channel in (_NOT_JOINED, _ARCHIVED):
        return "not_in_channel" if channel == _NOT_JOINED else "is_archived"
    return "" if channel in _JOINED or channel in _JOINED.values() else "channel_not_found"


def _refused_message(given: Json) -> str:
    text, blocks = given.get("text"), given.get("blocks") or []
    if not text and not blocks:
        return "no_text"
    if len(str(text)) > LONGEST_TEXT:
        return "msg_too_long"
    if not isinstance(blocks, list) or len(blocks) > MOST_BLOCKS or len(_texts(given)) < len(blocks):
        return "invalid_blocks"
    return "msg_blocks_too_long" if sum(map(len, _texts(given))) > LONGEST_BLOCKS else ""


def _texts(given: Json) -> list[str]:
    """The texts of the blocks that are right: sections, the only kind that is known here."""
    blocks = given.get("blocks")
    sections = [block for block in blocks if isinstance(block, dict)] if isinstance(blocks, list) else []
    texts = [block.get("text") for block in sections if block.get("type") == "section"]
    said = [
        text.get("text") for text in texts if isinstance(text, dict) and text.get("type") in ("mrkdwn", "plain_text")
    ]
    return [text for text in said if isinstance(text, str) and 0 < len(text) <= LONGEST_SECTION]


def _wait(world: World) -> int | None:
    """The seconds until a call is taken again, where calls are limited; None now."""
    most, calls, now = world.config.slack_messages_a_minute, world.slack.calls, time.monotonic()
    calls[:] = [at for at in calls if now - at < _MINUTE]
    if most is not None and len(calls) >= most:
        return int(_MINUTE - (now - calls[0])) + 1
    calls.append(now)
    return None


def _json(body: bytes) -> Json | None:
    try:
        given = json.loads(body)
    except ValueError:
        return None
    return given if isinstance(given, dict) else None


def _error(code: str) -> Response:
    return json_response({"ok": False, "error": code})
