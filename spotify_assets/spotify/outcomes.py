"""How a call to Spotify can end other than well: one type for each thing a person or a caller has to do differently.

Each reads as one sentence. None holds a token, and text that came from Spotify has passed `verdicts.quoted`. The cases
are those of Spotify's pages on quota modes, rate limits and refresh tokens, and of dated public reports.
"""

from datetime import datetime

from spotify_assets.errors import UserError


class SpotifyError(UserError):
    """A call to Spotify that gave no usable answer. `args` are the constructor's own, so that it survives pickling."""


def _whose(user_id: str | None) -> str:
    return f"listener {user_id}" if user_id else "this login"


def _login_command(user_id: str | None) -> str:
    return f"`spotify-assets login {user_id}`" if user_id else "`spotify-assets login`"


class ReauthRequired(SpotifyError):
    """400 `invalid_grant`: the refresh token is dead (six months old, revoked, or used up). Never retried."""

    def __init__(self, description: str, user_id: str | None = None) -> None:
        super().__init__(description, user_id)
        self.description = description
        self.user_id = user_id

    def __str__(self) -> str:
        return (
            f"Spotify no longer accepts the login of {_whose(self.user_id)} ({self.description}): "
            f"run {_login_command(self.user_id)} to log in again; nothing stored is lost."
        )


class AccessRefused(SpotifyError):
    """401 twice in one call, the second time with a token that had just been refreshed."""

    def __init__(self, call: str, user_id: str | None = None) -> None:
        super().__init__(call, user_id)
        self.call = call
        self.user_id = user_id

    def __str__(self) -> str:
        return (
            f"Spotify refused {self.call} for {_whose(self.user_id)} with a token that it had just handed out: "
            f"the next tick tries again; if it stays so, run {_login_command(self.user_id)}."
        )


class Blocked(SpotifyError):
    """Spotify told the whole app, not one listener, to stay away until `until` (UTC)."""

    def __init__(self, until: datetime) -> None:
        super().__init__(until)
        self.until = until

    @property
    def _until(self) -> str:
        return f"{self.until:%Y-%m-%d %H:%M} UTC"


class QuotaExceeded(Blocked):
    """429 with `reason: QUOTA_EXCEEDED`: the daily quota of the developer account is used up."""

    def __str__(self) -> str:
        return (
            f"The Spotify app has used up its daily quota: nothing is asked until {self._until}, "
            "then polling goes on by itself; other apps of the same developer account count too."
        )


class RateLimited(Blocked):
    """429 with a wait too long to sit out."""

    def __str__(self) -> str:
        return (
            f"Spotify limits this app's requests: nothing is asked until {self._until}, then polling goes on by itself."
        )


class StillBlocked(Blocked):
    """Spotify's word of an earlier call, of whatever process, still holds; `reason` is the sentence said then."""

    def __init__(self, until: datetime, reason: str) -> None:
        super().__init__(until)
        self.args = (until, reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class BudgetSpent(Blocked):
    """No call left for this purpose in the budget of our own; Spotify has refused nothing.

    `share` is what the purpose may have in 24 hours; it is 0 where more urgent ones need everything.
    """

    def __init__(self, until: datetime, purpose: str, budget: int, share: int) -> None:
        super().__init__(until)
        self.args = (until, purpose, budget, share)
        self.purpose = purpose
        self.budget = budget
        self.share = share

    def __str__(self) -> str:
        when = f"until {self._until}" if self.share else "ever, for polling needs them all"
        goes_on = "it goes on by itself then; " if self.share else ""
        return (
            f"The budget of {self.budget} requests in 24 hours leaves none for {self.purpose} {when}: {goes_on}"
            "SPOTIFY_DAILY_REQUEST_BUDGET sets another, or none for an app with extended quota."
        )


class NotAllowedInTier(SpotifyError):
    """403 without a message, or with the bare word Forbidden: the app's tier may not make this call."""

    def __init__(self, call: str) -> None:
        super().__init__(call)
        self.call = call

    def __str__(self) -> str:
        return (
            f"Spotify does not allow this app {self.call}: apps in Development Mode lack it since February 2026; "
            "do without it, or use an app with extended quota."
        )


class ScopeMissing(SpotifyError):
    """403 `Insufficient client scope`: the listener's consent doesn't cover the call."""

    def __init__(self, call: str, user_id: str | None = None) -> None:
        super().__init__(call, user_id)
        self.call = call
        self.user_id = user_id

    def __str__(self) -> str:
        return (
            f"The login of {_whose(self.user_id)} does not include the permission for {self.call}: "
            f"run {_login_command(self.user_id)} and accept every permission that Spotify lists."
        )


class NotAllowlisted(SpotifyError):
    """403: an app in Development Mode serves at most five listed accounts, and this one isn't listed."""

    def __init__(self, user_id: str | None = None) -> None:
        super().__init__(user_id)
        self.user_id = user_id

    def __str__(self) -> str:
        return (
            f"The Spotify app does not list the account of {_whose(self.user_id)}: its owner adds it under "
            "User Management at https://developer.spotify.com/dashboard, then polling goes on by itself."
        )


class PremiumLapsed(SpotifyError):
    """403: the OWNER of the app has no active Premium subscription; the app stops for every listener."""

    def __str__(self) -> str:
        return (
            "The owner of the Spotify app has no active Premium subscription, so Spotify answers nobody: "
            "renew it; requests work again some hours later."
        )


class NotFound(SpotifyError):
    """404: an unknown id, or an editorial playlist hidden from the app's tier."""

    def __init__(self, call: str) -> None:
        super().__init__(call)
        self.call = call

    def __str__(self) -> str:
        return f"Spotify knows nothing under {self.call}, or hides it from this app: check the id, or leave it out."


class BadRequest(SpotifyError):
    """Any other refusal (4xx). Asking again changes nothing."""

    def __init__(self, call: str, status: int, message: str, user_id: str | None = None) -> None:
        super().__init__(call, status, message, user_id)
        self.call = call
        self.status = status
        self.message = message
        self.user_id = user_id

    def __str__(self) -> str:
        message = f": {self.message}" if self.message else ""
        return (
            f"Spotify refused {self.call} for {_whose(self.user_id)} (HTTP {self.status}{message}): "
            "asking again will not help; run `spotify-assets doctor`, and report it if that finds nothing."
        )


class Transient(SpotifyError):
    """A bad moment of Spotify's or the network's: 5xx, time-out, no or a cut connection, an answer that isn't JSON.

    `retry_after` is the wait in seconds that Spotify asked for, where it did.
    """

    def __init__(self, call: str, what: str, user_id: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(call, what, user_id, retry_after)
        self.call = call
        self.what = what
        self.user_id = user_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        return (
            f"Spotify gave no usable answer to {self.call} for {_whose(self.user_id)} ({self.what}): "
            "nothing is lost, the next tick asks again."
        )


class InvalidClient(SpotifyError):
    """The token endpoint doesn't know the app, or its secret is wrong. No listener is to blame."""

    def __str__(self) -> str:
        return (
            "Spotify does not accept SPOTIFY_CLIENT_ID and SPOTIFY_CLIENT_SECRET: "
            "copy both again from the app's settings at https://developer.spotify.com/dashboard."
        )


class LoginRefused(UserError):
    """A login, or what was asked of the stored logins, that can't be used. The sentence says why and what to do."""
