"""Looks at what is reached over the network apart from Spotify: the charts' hosts, Slack, the heartbeat."""

import requests
from pydantic import SecretStr

from spotify_assets.health.findings import Finding
from spotify_assets.settings import Settings
from spotify_assets.spotify.exchange import Bearer, Limits, NoAnswer, NoAuth, exchange, new_session
from spotify_assets.spotify.verdicts import quoted

QUICK = Limits(connect=3, read=4, exchange=5, call=6, max_bytes=5_000_000)
KWORB, DEEZER, SLACK, HEARTBEAT = "charts: kworb", "charts: Deezer", "Slack", "heartbeat"
_NO_ALERTS = Finding(
    SLACK,
    "yellow",
    "alerts are only logged",
    "set SLACK_BOT_TOKEN and SLACK_CHANNEL, or SLACK_WEBHOOK_URL, to be told when something breaks",
)


def look_at_host(name: str, variable: str, url: str) -> Finding:
    """Whether a chart's host answers at all. Without it, another source of charts is used."""
    with new_session() as session:
        try:
            reply = exchange(session, "GET", f"{url}/", auth=NoAuth(), limits=QUICK)
        except NoAnswer as no_answer:
            problem = str(no_answer)
        else:
            problem = f"HTTP {reply.status}" if reply.status >= 500 else ""
    if problem:
        remedy = f"if it stays so, correct {variable} or let this machine reach it"
        return Finding(name, "yellow", f"{url} can't be reached ({problem})", remedy)
    return Finding(name, "green", f"{url} answers")


def look_at_slack(settings: Settings) -> Finding:
    """Whether a bot's token is accepted. A webhook is not tried: each try would be a message."""
    token = settings.slack_bot_token
    if token is None:
        if settings.slack_webhook_url is None:
            return _NO_ALERTS
        return Finding(SLACK, "green", "a webhook is configured (not tried, since a try is a message)")
    if not settings.slack_channel:
        return Finding(SLACK, "red", "SLACK_BOT_TOKEN is set and SLACK_CHANNEL is not", "name the channel for alerts")
    with new_session() as session:
        return _ask_slack(session, settings.slack_api_url, token, settings.slack_channel)


def _ask_slack(session: requests.Session, url: str, token: SecretStr, channel: str) -> Finding:
    later = "nothing, if Slack comes back by itself: alerts wait for it"
    secret = token.get_secret_value().strip()
    if not (secret.isascii() and secret.isprintable()):
        return Finding(SLACK, "red", "SLACK_BOT_TOKEN holds what can't be a token", "copy it again: it begins xoxb-")
    try:
        reply = exchange(session, "POST", f"{url}/auth.test", auth=Bearer(secret), data={}, limits=QUICK)
    except NoAnswer as no_answer:
        return Finding(SLACK, "yellow", f"{url} can't be reached ({no_answer})", later)
    answer = reply.json_object()
    if answer is None or "ok" not in answer:
        return Finding(SLACK, "yellow", f"{url} gave no usable answer (HTTP {reply.status})", later)
    if answer["ok"] is not True:
        why = quoted(str(answer.get("error", "no reason given")), (secret,))
        remedy = "copy the bot's token again from https://api.slack.com/apps, under OAuth & Permissions"
        return Finding(SLACK, "red", f"Slack does not accept SLACK_BOT_TOKEN ({why})", remedy)
    team = quoted(str(answer.get("team", "?")), (secret,))
    return Finding(SLACK, "green", f"the bot is signed in to {team}; alerts go to {channel}")


def look_at_heartbeat(settings: Settings) -> Finding:
    """Whether one is configured. It is not pinged: that would hide a silence."""
    if settings.heartbeat_url is None:
        remedy = "set HEARTBEAT_URL to a dead man's switch, so that something outside notices when nothing runs"
        return Finding(HEARTBEAT, "yellow", "nobody notices when this machine falls silent", remedy)
    return Finding(HEARTBEAT, "green", "configured (not pinged here)")
