"""A listener's consent: the address where it is asked for, what Spotify sends back, and the login that comes of it.

How the browser gets there and back is `callback.py`'s, or the person's, who pastes the address.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from hmac import compare_digest
from secrets import token_urlsafe
from urllib.parse import parse_qs, urlsplit

from spotify_assets.settings import is_loopback
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.spotify.client import SpotifyClient
from spotify_assets.spotify.exchange import NoAnswer, NoAuth, exchange
from spotify_assets.spotify.governor import Governor
from spotify_assets.spotify.models import Profile, TokenAnswer
from spotify_assets.spotify.oauth import SCOPES, SpotifyApp, new_verifier
from spotify_assets.spotify.outcomes import (
    AccessRefused,
    Blocked,
    InvalidClient,
    LoginRefused,
    NotAllowlisted,
    ReauthRequired,
    ScopeMissing,
    Transient,
)
from spotify_assets.spotify.verdicts import quoted

DASHBOARD = "https://developer.spotify.com/dashboard"
# Registered like this, without a port, it fits any port.
REDIRECT_URI = "http://127.0.0.1/callback"
PASTE_TRIES = 3
# A look ahead is not worth more waiting.
LOOK_SECONDS = 10
# Both wordings of Spotify's error page that people report: the one up to 2025, and the one since.
_WRONG_REDIRECT = re.compile(r"redirect[ _]uri", re.IGNORECASE)
_WRONG_CLIENT = re.compile(r"invalid[ _]client|client_id", re.IGNORECASE)


@dataclass(frozen=True)
class Consent:
    """One request for a listener's consent.

    `redirect_uri` is where Spotify sends the browser, `registered` what stands in the app's settings for it.
    """

    app: SpotifyApp
    user_id: str
    redirect_uri: str
    registered: str
    state: str = field(default_factory=lambda: token_urlsafe(24), repr=False)
    verifier: str | None = field(default=None, repr=False)

    @classmethod
    def to_ask(cls, app: SpotifyApp, user_id: str, redirect_uri: str, registered: str | None = None) -> "Consent":
        """A new request; with PKCE for an app without a secret."""
        verifier = new_verifier() if app.uses_pkce else None
        return cls(app, user_id, redirect_uri, registered or redirect_uri, verifier=verifier)

    @property
    def address(self) -> str:
        """Where the listener consents."""
        return self.app.authorize_url(self.redirect_uri, self.state, self.verifier)

    def is_answer(self, query: str) -> bool:
        """Whether the query of the address to which a browser was sent answers this request, and no other."""
        return compare_digest(parse_qs(query).get("state", [""])[0].encode(), self.state.encode())

    def code_in(self, query: str) -> str:
        """The code in an answer. Raises `LoginRefused` when the listener said no."""
        fields = parse_qs(query)
        error = fields.get("error", [""])[0]
        if error == "access_denied":
            raise LoginRefused(
                f"Spotify was told not to give access, so nothing is stored for {self.user_id}: "
                f"{self._again}, and agree on Spotify's page."
            )
        if error or not fields.get("code"):
            raise LoginRefused(
                f"Spotify sent {self.user_id} back without a code ({quoted(error) or 'no reason'}): {self._again}."
            )
        return fields["code"][0]

    def check_with_spotify(self) -> None:
        """Looks at the address before the listener does: a wrong app or redirect URI gets no redirect, only a page.

        Raises `LoginRefused` with what to mend. An answer that says neither is no reason to stop.
        """
        try:
            page = exchange(
                self.app.session, "GET", self.address, auth=NoAuth(), limits=self.app.limits, seconds=LOOK_SECONDS
            )
        except NoAnswer:
            return
        text = page.body.decode(errors="replace")
        if page.status != 400:
            return
        if _WRONG_REDIRECT.search(text):
            raise LoginRefused(
                f"The Spotify app does not know the redirect URI {self.redirect_uri}: add exactly "
                f"{self.registered} under Redirect URIs in the app's settings at {DASHBOARD}, save, and log in again."
            )
        if _WRONG_CLIENT.search(text):
            raise LoginRefused(
                f"Spotify knows no app with the client id {self.app.client_id}: copy SPOTIFY_CLIENT_ID again from the "
                f"app's settings at {DASHBOARD}."
            )

    @property
    def _again(self) -> str:
        return f"run `spotify-assets login {self.user_id}` again"

    def log_in(self, code: str, spotify: SpotifyAccess, time_zone: str) -> datetime:
        """Exchanges the code, asks who it is, and stores the login; returns the time of the consent, in UTC.

        `time_zone` counts for a new listener only. Raises `LoginRefused` and the types in `outcomes.py`, each with what
        to do; then nothing is stored.
        """
        consented_at = spotify.clock.now()
        answer = self._exchange(code)
        if answer.scope is not None and not set(SCOPES) <= set(answer.scope.split()):
            raise ScopeMissing("GET /me/player/recently-played", self.user_id)
        profile = self._profile(answer, spotify)
        spotify.tokens.save_login(self.user_id, answer, consented_at, profile, time_zone, self.app.api_url)
        return consented_at

    def _exchange(self, code: str) -> TokenAnswer:
        try:
            return self.app.exchange_code(code, self.redirect_uri, self.verifier)
        except InvalidClient:
            # With a wrong client id there would have been no code.
            problem = (
                f"Spotify knows the app, but not with this SPOTIFY_CLIENT_SECRET: copy it again from the app's "
                f"settings at {DASHBOARD}, then {self._again}."
            )
        except ReauthRequired as refused:
            problem = (
                f"Spotify did not take its own code for {self.user_id} ({refused.description}), which is good for one "
                f"use and ten minutes: {self._again}."
            )
        except Transient as bad_moment:
            problem = self._later(bad_moment)
        raise LoginRefused(problem)

    def _profile(self, answer: TokenAnswer, spotify: SpotifyAccess) -> Profile:
        token = answer.access_token.get_secret_value()
        client = SpotifyClient(
            self.app.session,
            self.app.api_url,
            lambda _: token,
            spotify.clock,
            gate=spotify.governor.gate("connection", self.user_id),
            user_id=self.user_id,
            limits=self.app.limits,
        )
        try:
            return client.me()
        except NotAllowlisted:
            problem = (
                f"The Spotify app does not list this account, so nothing is stored for {self.user_id}: its owner adds "
                f"it under User Management at {DASHBOARD}, then {self._again}."
            )
        except AccessRefused as refused:
            problem = (
                f"Spotify gave {self.user_id} a token and then refused it ({refused.call}), so nothing is stored: "
                f"{self._again}."
            )
        except Blocked as blocked:
            problem = self._blocked(blocked.until)
        except Transient as bad_moment:
            problem = self._later(bad_moment)
        raise LoginRefused(problem)

    def check_for_blocks(self, governor: Governor) -> None:
        """Raises `LoginRefused` while the app may ask Spotify nothing: then a consent would be in vain."""
        standing = governor.standing()
        if standing.block:
            raise LoginRefused(self._blocked(standing.block.until))
        if standing.left == 0:
            raise LoginRefused(
                f"The budget of {standing.budget} requests in 24 hours is used up, so Spotify can't be asked for the "
                f"account, and nothing is stored for {self.user_id}: {self._again} when `spotify-assets doctor` shows "
                "some left, or set SPOTIFY_DAILY_REQUEST_BUDGET higher."
            )

    def _blocked(self, until: datetime) -> str:
        return (
            f"Spotify can't be asked for the account before {until:%Y-%m-%d %H:%M} UTC, so nothing is stored for "
            f"{self.user_id}: {self._again} then; `spotify-assets doctor` says why."
        )

    def _later(self, bad_moment: Transient) -> str:
        return (
            f"Spotify gave no usable answer to {bad_moment.call} ({bad_moment.what}), so nothing is stored for "
            f"{self.user_id}: {self._again} in some minutes."
        )


def pasted_code(consent: Consent, say: Callable[[str], None], read_line: Callable[[], str]) -> str:
    """The code in the address that a person pastes, who may try three times.

    Raises `LoginRefused` after that, at the end of the input, and when the listener said no.
    """
    for _ in range(PASTE_TRIES):
        line = read_line()
        if not line:
            raise LoginRefused(
                "No address was pasted, so nothing is stored: run the command again in a terminal, or pipe the "
                "address into it."
            )
        query = line.strip().strip("\"'<>").partition("?")[2].partition("#")[0]
        if not {"code", "error"} & parse_qs(query).keys():
            say(f"That is not it: the whole address is needed, which begins with {consent.redirect_uri}?")
        elif not consent.is_answer(query):
            say("That is the answer to another attempt to log in: open the address above, and paste what comes then.")
        else:
            return consent.code_in(query)
    raise LoginRefused(
        f"Three times something else than the address was pasted, so nothing is stored for {consent.user_id}: "
        "run the command again."
    )


def checked_redirect_uri(uri: str) -> str:
    """The URI if Spotify can accept it: https, or http to this machine by number. Raises `LoginRefused`."""
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018 - raises for a port that is none
    except ValueError:
        parts = urlsplit("")
    by_number = parts.scheme == "http" and parts.hostname != "localhost" and is_loopback(uri)
    if parts.hostname and not parts.query and not parts.fragment and (parts.scheme == "https" or by_number):
        return uri
    raise LoginRefused(
        f"{uri} can't be a redirect URI: Spotify takes https addresses, and http://127.0.0.1 or http://[::1] with or "
        f"without a port, but not localhost; register {REDIRECT_URI} and leave --redirect-uri out."
    )
