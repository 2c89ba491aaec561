"""What Spotify's refusals mean. Pure functions over replies; the Web API's here, the token endpoint's in `oauth.py`.

Messages are matched only where nothing else tells two cases apart (403): several arrive as plain text, some without
any message. A 401 is not judged here, because what it means depends on what was tried before.
"""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from spotify_assets.spotify.exchange import Reply
from spotify_assets.spotify.outcomes import (
    BadRequest,
    NotAllowedInTier,
    NotAllowlisted,
    NotFound,
    PremiumLapsed,
    QuotaExceeded,
    RateLimited,
    ScopeMissing,
    SpotifyError,
    Transient,
)

# The Web API's window is 30 s, so an untold wait of that length frees it.
DEFAULT_WAIT = 30.0
# A quota block without a time: one call an hour finds its end and costs next to nothing.
DEFAULT_QUOTA_WAIT = 3600.0
# The longest ever reported is 86,400 s; what says more is taken for that, since one call a day can't hurt.
LONGEST_WAIT = 86_400.0
LONGEST_SLEEP = 60.0
_QUOTED_LENGTH = 160
# No word of a message is that long; Spotify's tokens and codes have 96 characters and more.
_TOKEN_LIKE = re.compile(r"[A-Za-z0-9_-]{40,}")


def quoted(text: str, secrets: Iterable[str] = ()) -> str:
    """Text of Spotify's as it may be shown: one line, short, printable, and without any of the secrets.

    What looks like a token is left out too: it could be one that is not known here, such as the one before the last.
    """
    for secret in secrets:
        if secret:
            text = text.replace(secret, "…")
    text = _TOKEN_LIKE.sub("…", text)
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= _QUOTED_LENGTH else f"{line[:_QUOTED_LENGTH]}…"


def message_of(reply: Reply) -> str | None:
    """The message in an error body: the JSON one, "" where JSON has none, None where the body isn't a JSON object."""
    answer = reply.json_object()
    if answer is None:
        return None
    error = answer.get("error")
    message = error.get("message") if isinstance(error, dict) else error
    return message if isinstance(message, str) else ""


def wait_told(reply: Reply, now: datetime, default: float) -> float:
    """The wait in seconds that Retry-After asks for, 1 to 86,400; `default` where it is missing or makes no sense.

    Takes a number of seconds or an HTTP date.
    """
    told = reply.headers.get("Retry-After", "").strip()
    try:
        seconds = float(told)
    except ValueError:
        try:
            at = parsedate_to_datetime(told)
        except (ValueError, TypeError, IndexError, OverflowError):
            return default
        seconds = (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()
    if math.isnan(seconds) or seconds < 0:
        return default
    return min(max(seconds, 1.0), LONGEST_WAIT)


def _is_quota(reply: Reply) -> bool:
    error = (reply.json_object() or {}).get("error")
    reason = error.get("reason") if isinstance(error, dict) else None
    return isinstance(reason, str) and reason.upper() == "QUOTA_EXCEEDED"


def refusal(
    reply: Reply, call: str, now: datetime, user_id: str | None = None, secrets: Iterable[str] = ()
) -> SpotifyError | None:
    """What a reply of the Web API means when it isn't an answer; None for a JSON object with 2xx.

    `call` names the request ("GET /me"); `now` is UTC and dates a block. A 429 is a `RateLimited` however short it is:
    the client decides whether to sit it out.
    """
    status = reply.status
    if 200 <= status < 300:
        return None if reply.json_object() is not None else Transient(call, "an answer that is not JSON", user_id)
    if status == 429:
        return _too_many(reply, now)
    if status == 403:
        return _forbidden(reply, call, user_id, secrets)
    if status == 404:
        return NotFound(call)
    if 400 <= status < 500 and status != 408:
        return BadRequest(call, status, quoted(message_of(reply) or "", secrets), user_id)
    # 3xx too: the Web API redirects nowhere, so it is something in between, such as a hotel's log-in page.
    return Transient(call, f"HTTP {status}", user_id)


def _too_many(reply: Reply, now: datetime) -> SpotifyError:
    if _is_quota(reply):
        return QuotaExceeded(now + timedelta(seconds=wait_told(reply, now, DEFAULT_QUOTA_WAIT)))
    return RateLimited(now + timedelta(seconds=wait_told(reply, now, DEFAULT_WAIT)))


def _forbidden(reply: Reply, call: str, user_id: str | None, secrets: Iterable[str]) -> SpotifyError:
    message = message_of(reply)
    text = (reply.body.decode("utf-8", "replace") if message is None else message).strip().lower()
    if "premium" in text:
        return PremiumLapsed()
    if "not registered" in text:
        return NotAllowlisted(user_id)
    if "client scope" in text:
        return ScopeMissing(call, user_id)
    if message is not None and text.rstrip(".") in ("", "forbidden"):
        return NotAllowedInTier(call)
    return BadRequest(call, 403, quoted(message or "", secrets), user_id)
