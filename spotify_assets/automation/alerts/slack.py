"""Posting to Slack, by a bot's token through dagster-slack or by an incoming webhook.

A message is posted once: nothing here tries again, for the connection may break after Slack took it. Errors of Slack's
client never go on, not even as a cause: they hold the token.
"""

from dataclasses import dataclass
from http.client import HTTPException
from typing import Protocol

from pydantic import SecretStr

from spotify_assets.automation.alerts.refusals import MessageRefused, NotPosted, of_bot, of_webhook, unreachable
from spotify_assets.automation.alerts.words import Message
from spotify_assets.errors import SettingsError
from spotify_assets.settings import Settings, is_loopback
from spotify_assets.spotify.exchange import Limits, NoAnswer, NoAuth, exchange, new_session

HOW_TO = "set SLACK_BOT_TOKEN and SLACK_CHANNEL, or SLACK_WEBHOOK_URL"
_LIMITS = Limits(connect=5, read=10, exchange=15, call=15)


class Slack(Protocol):
    """Somewhere to post."""

    def post(self, message: Message) -> None:
        """Returns once Slack has taken the message. Raises `NotPosted`."""


def open_slack(settings: Settings, channel: str | None = None) -> Slack | None:
    """The bot, in `channel` or the one for alerts; else the webhook; None where nothing is configured.

    Raises `SettingsError` for a token without a channel, or one that can't be one.
    """
    if settings.slack_bot_token is not None:
        token = settings.slack_bot_token.get_secret_value().strip()
        if not (token.isascii() and token.isprintable()):
            raise SettingsError("SLACK_BOT_TOKEN holds what can't be a token; copy it again: it begins xoxb-.")
        to = channel or settings.slack_channel
        if not to:
            raise SettingsError("SLACK_BOT_TOKEN is set and SLACK_CHANNEL is not: name the channel for alerts.")
        return Bot(SecretStr(token), to, settings.slack_api_url)
    if settings.slack_webhook_url is not None:
        return Webhook(settings.slack_webhook_url)
    return None


def post(slack: Slack, message: Message) -> None:
    """Posts the message, or its text alone where Slack refuses its form. Raises `NotPosted`."""
    try:
        slack.post(message)
    except MessageRefused:
        slack.post(Message(message.text))


@dataclass(frozen=True)
class Bot:
    """A bot with the scope chat:write."""

    token: SecretStr
    channel: str
    api_url: str

    def post(self, message: Message) -> None:
        refusal = self._try(message)
        if refusal is not None:
            raise refusal

    def _try(self, message: Message) -> NotPosted | None:
        from dagster_slack import SlackResource
        from slack_sdk.errors import SlackApiError, SlackClientError

        token = self.token.get_secret_value()
        client = SlackResource(token=token).get_client()
        client.base_url, client.timeout = f"{self.api_url}/", int(_LIMITS.read)
        client.retry_handlers = []  # trying again by itself could post twice
        if is_loopback(self.api_url):
            client.proxy = None  # the simulator is never behind the proxy that the environment may name
        try:
            client.chat_postMessage(
                channel=self.channel,
                text=message.text,
                blocks=list(message.blocks) or None,
                unfurl_links=False,
                unfurl_media=False,
            )
        except SlackApiError as error:
            answer = error.response
            code = str(answer.get("error", ""))
            # Of a body that is no JSON the client speaks in words of its own.
            return of_bot(answer.status_code, answer.headers, "" if " " in code else code, self.channel, token)
        except (OSError, HTTPException, SlackClientError, ValueError) as error:
            return unreachable("time-out" if "timed out" in str(error) else "no connection, or it was cut")
        return None


@dataclass(frozen=True)
class Webhook:
    """An incoming webhook, whose address is the permission to post to its one channel."""

    url: SecretStr

    def post(self, message: Message) -> None:
        refusal = self._try(message)
        if refusal is not None:
            raise refusal

    def _try(self, message: Message) -> NotPosted | None:
        url = self.url.get_secret_value()
        body: dict[str, object] = {"text": message.text, "unfurl_links": False, "unfurl_media": False}
        if message.blocks:
            body["blocks"] = list(message.blocks)
        with new_session() as session:
            try:
                reply = exchange(session, "POST", url, auth=NoAuth(), json=body, limits=_LIMITS)
            except NoAnswer as no_answer:
                return unreachable(str(no_answer))
        said = reply.body[:200].decode(errors="replace").strip()
        if reply.status == 200 and said == "ok":
            return None
        return of_webhook(reply.status, reply.headers, said, url)
