"""The app at accounts.spotify.com: the address for a listener's consent, and tokens for a code or a refresh token.

Stateless: storing what comes back, and refreshing once for all processes, is `tokens.py`'s.
"""

import base64
import hashlib
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlencode

import requests
from pydantic import SecretStr, ValidationError
from requests.auth import AuthBase, HTTPBasicAuth

from spotify_assets.errors import SettingsError
from spotify_assets.settings import Settings, is_loopback
from spotify_assets.spotify.exchange import Limits, NoAnswer, NoAuth, Reply, exchange, new_session
from spotify_assets.spotify.models import TokenAnswer
from spotify_assets.spotify.outcomes import BadRequest, InvalidClient, ReauthRequired, SpotifyError, Transient
from spotify_assets.spotify.verdicts import DEFAULT_WAIT, quoted

SCOPES = ("user-read-recently-played",)
_TOKEN_CALL = "POST /api/token"  # noqa: S105 - the name of a call


def new_verifier() -> str:
    """A PKCE verifier: 64 random characters of the allowed alphabet."""
    return secrets.token_urlsafe(48)


def challenge_for(verifier: str) -> str:
    """The S256 challenge for a verifier: base64url of its SHA-256, without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode("ascii")).digest()).rstrip(b"=").decode("ascii")


@dataclass(frozen=True)
class SpotifyApp:
    """The registered app. With a secret it is confidential; without one it uses PKCE, whose refresh tokens may rotate.

    `api_url` is the Web API that its tokens are for: a listener belongs to one, so that a simulator's token is never
    sent to Spotify, nor Spotify's to a simulator.
    """

    client_id: str
    client_secret: SecretStr | None
    accounts_url: str
    api_url: str
    session: requests.Session = field(default_factory=new_session, repr=False, compare=False)
    limits: Limits = field(default=Limits(), repr=False)

    @classmethod
    def from_settings(cls, settings: Settings) -> "SpotifyApp":
        """The app that the environment names. Raises `SettingsError` where it names none, or half a simulator."""
        client_id = (settings.spotify_client_id or "").strip()
        if not client_id:
            raise SettingsError(
                "SPOTIFY_CLIENT_ID is not set: create an app at https://developer.spotify.com/dashboard and put its "
                "client id there, or use only exports, charts and `spotify-assets demo`."
            )
        if is_loopback(settings.spotify_api_url) != is_loopback(settings.spotify_accounts_url):
            raise SettingsError(
                f"SPOTIFY_API_URL is {settings.spotify_api_url} and SPOTIFY_ACCOUNTS_URL is "
                f"{settings.spotify_accounts_url}: set both for a simulator on this machine, or neither."
            )
        secret = settings.spotify_client_secret
        stripped = secret.get_secret_value().strip() if secret else ""
        return cls(
            client_id=client_id,
            client_secret=SecretStr(stripped) if stripped else None,
            accounts_url=settings.spotify_accounts_url,
            api_url=settings.spotify_api_url,
        )

    @property
    def uses_pkce(self) -> bool:
        return self.client_secret is None

    def authorize_url(self, redirect_uri: str, state: str, verifier: str | None = None) -> str:
        """The address where a listener consents. `verifier` (see `new_verifier`) is needed when there is no secret."""
        query = {
            "client_id": self.client_id,
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "scope": " ".join(SCOPES),
            "state": state,
        }
        if verifier:
            query |= {"code_challenge_method": "S256", "code_challenge": challenge_for(verifier)}
        elif self.uses_pkce:
            raise ValueError("an app without a secret needs a PKCE verifier")
        return f"{self.accounts_url}/authorize?{urlencode(query)}"

    def exchange_code(self, code: str, redirect_uri: str, verifier: str | None = None) -> TokenAnswer:
        """Tokens for the code of a consent. Raises as `refresh` does; `ReauthRequired`: the code is used or too old."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        if verifier:
            form["code_verifier"] = verifier
        return self._ask(form, (code, verifier or ""))

    def refresh(self, refresh_token: str) -> TokenAnswer:
        """A new access token. A `refresh_token` in the answer replaces the one sent, which is dead from then on.

        Raises `ReauthRequired` on 400 `invalid_grant` only, `InvalidClient` when the app itself is refused,
        `BadRequest` for other refusals, and `Transient` for everything that says nothing about the token: 429, 5xx,
        what isn't JSON, a time-out, a cut connection.
        """
        return self._ask({"grant_type": "refresh_token", "refresh_token": refresh_token}, (refresh_token,))

    def check(self) -> None:
        """Returns if the token endpoint knows this app; what it hands out is dropped. Raises as `refresh` does.

        An app with a secret asks for a token of its own. One without asks to refresh what is no token: an app that is
        known is told so, and any other that it isn't known.
        """
        if self.uses_pkce:
            with suppress(ReauthRequired):
                self.refresh("none")
        else:
            self._ask({"grant_type": "client_credentials"}, ())

    def _ask(self, form: dict[str, str], hidden: tuple[str, ...]) -> TokenAnswer:
        auth: AuthBase = NoAuth()
        secret = self.client_secret.get_secret_value() if self.client_secret else ""
        if secret:
            auth = HTTPBasicAuth(self.client_id.encode(), secret.encode())
        else:
            form = {**form, "client_id": self.client_id}
        url = f"{self.accounts_url}/api/token"
        problem = ""
        try:
            reply = exchange(self.session, "POST", url, auth=auth, data=form, limits=self.limits)
        except NoAnswer as no_answer:
            problem = str(no_answer)
        if problem:
            raise Transient(_TOKEN_CALL, problem)
        answer = _token_answer(reply) if reply.status == 200 else None
        if answer is None:
            basic = base64.b64encode(f"{self.client_id}:{secret}".encode()).decode()
            raise token_refusal(reply, (*hidden, secret, basic))
        return answer


def _token_answer(reply: Reply) -> TokenAnswer | None:
    try:
        return TokenAnswer.model_validate(reply.json_object())
    except ValidationError:
        return None


def token_refusal(reply: Reply, hidden: tuple[str, ...] = ()) -> SpotifyError:
    """What an answer of the token endpoint without a usable token means; `hidden` must not show up in its text.

    Only 400 `invalid_grant` costs a listener a login. Other descriptions of it exist, so `error` alone decides.
    """
    body = reply.json_object() or {}
    error = body.get("error")
    description = body.get("error_description")
    if reply.status == 400 and error == "invalid_grant":
        return ReauthRequired(quoted(description if isinstance(description, str) else "", hidden) or "invalid_grant")
    if reply.status in (400, 401) and error in ("invalid_client", "unauthorized_client"):
        return InvalidClient()
    if reply.status == 400 and isinstance(error, str):
        return BadRequest(_TOKEN_CALL, 400, quoted(error, hidden))
    if reply.status == 429:
        told = reply.headers.get("Retry-After", "").strip()
        wait = float(told) if told.isascii() and told.isdigit() and len(told) < 9 else DEFAULT_WAIT
        return Transient(_TOKEN_CALL, "HTTP 429", retry_after=wait)
    what = "an answer that holds no token" if reply.status == 200 else f"HTTP {reply.status}"
    return Transient(_TOKEN_CALL, what)
