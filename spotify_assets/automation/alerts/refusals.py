"""What Slack's refusals mean: each is one sentence with the remedy. Nothing here calls anybody."""

from collections.abc import Mapping

from spotify_assets.errors import UserError
from spotify_assets.spotify.verdicts import quoted

APPS = "https://api.slack.com/apps"
# https://docs.slack.dev/reference/methods/chat.postMessage: what another message would not meet.
_OF_THE_MESSAGE = frozenset(
    (
        "invalid_blocks",
        "invalid_blocks_format",
        "invalid_payload",
        "msg_blocks_too_long",
        "msg_too_long",
        "no_text",
    )
)
_OF_SLACK = frozenset(("fatal_error", "internal_error", "service_unavailable", "request_timeout"))
_BAD_TOKEN = frozenset(
    ("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "invalid_token")
)
_BAD_WEBHOOK = frozenset(
    ("no_service", "no_service_id", "no_team", "team_disabled", "invalid_token", "no_active_hooks")
)
_LATER = "What is to be told waits until then, and nothing is lost."


class NotPosted(UserError):
    """Slack did not take a message; the sentence says why and what to do. It is to be posted again."""


class MessageRefused(NotPosted):
    """Slack takes messages, but not this one."""


class Wait(NotPosted):
    """Slack asks to be left alone for so many seconds."""

    def __init__(self, sentence: str, seconds: float) -> None:
        super().__init__(sentence)
        self.seconds = seconds


def unreachable(why: str) -> NotPosted:
    """No answer, or none that can be used: nobody has to do anything."""
    return NotPosted(f"Slack can't be reached ({why}): what is to be told waits until it is back, and nothing is lost.")


def of_bot(status: int, headers: Mapping[str, str], code: str, channel: str, token: str) -> NotPosted:
    """Why chat.postMessage refused; `code` is the answer's `error`, or empty where it holds none."""
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return _wait(headers)
    if status >= 500 or code in _OF_SLACK:
        return unreachable(f"HTTP {status}" if status >= 500 else code)
    if not code:
        return unreachable(f"no usable answer, HTTP {status}")
    if code in _OF_THE_MESSAGE:
        return MessageRefused(f"Slack does not take this message ({code}); please report this.")
    sentences = {
        "channel_not_found": f"Slack knows no channel {channel} that the bot may see: correct SLACK_CHANNEL, or invite "
        "the bot there.",
        "not_in_channel": f"The bot is not in {channel}: invite it there, by /invite and its name.",
        "is_archived": f"The channel {channel} is archived: name another one in SLACK_CHANNEL.",
        "missing_scope": f"The bot may not write messages: give it the scope chat:write at {APPS}, under OAuth & "
        "Permissions, and install it again.",
        **dict.fromkeys(
            _BAD_TOKEN,
            f"Slack does not accept SLACK_BOT_TOKEN ({code}): copy the bot's token again from {APPS}, under OAuth & "
            "Permissions.",
        ),
    }
    other = (
        f"Slack refuses messages ({quoted(code, (token,))}): "
        "see https://docs.slack.dev/reference/methods/chat.postMessage."
    )
    return NotPosted(f"{sentences.get(code, other)} {_LATER}")


def of_webhook(status: int, headers: Mapping[str, str], said: str, url: str) -> NotPosted:
    """Why an incoming webhook refused; `said` is the answer, which is plain text."""
    if status == 429:
        return _wait(headers)
    if status >= 500 or status == 200:
        return unreachable(f"HTTP {status}" if status >= 500 else "no usable answer, HTTP 200")
    if said in _OF_THE_MESSAGE:
        return MessageRefused(f"Slack does not take this message ({said}); please report this.")
    if said in _BAD_WEBHOOK:
        why = f"Slack knows no webhook under SLACK_WEBHOOK_URL ({said})"
    elif said in ("channel_is_archived", "channel_not_found"):
        why = f"The channel of SLACK_WEBHOOK_URL is gone ({said})"
    else:
        why = f"Slack refuses SLACK_WEBHOOK_URL (HTTP {status} {quoted(said, (url,))})"
    return NotPosted(f"{why}: add a new one at {APPS}, under Incoming Webhooks. {_LATER}")


def _wait(headers: Mapping[str, str]) -> Wait:
    told = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    seconds = min(max(float(told), 1.0), 3600.0) if told.isascii() and told.isdecimal() else 60.0
    return Wait(
        f"Slack asks to wait for {seconds:.0f} s: what is to be told waits as long, and nothing is lost.", seconds
    )
