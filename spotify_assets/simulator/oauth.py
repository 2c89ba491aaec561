"""The rules of accounts.spotify.com: redirect URIs, consent, codes, PKCE, refresh, rotation, expiry. No HTTP here."""

from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from calendar import monthrange
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from urllib.parse import urlencode, urlsplit

from spotify_assets.simulator.accounts import Account
from spotify_assets.simulator.config import SimulatorConfig
from spotify_assets.simulator.shapes import Json
from spotify_assets.simulator.timekeeping import SimulatedTime
from spotify_assets.simulator.tokens import AccessToken, Code, RefreshToken, TokenBook

_LOOPBACK = ("127.0.0.1", "::1")


class Refused(Exception):
    """A 400 of the accounts service in OAuth's shape."""

    def __init__(self, error: str, description: str | None = None) -> None:
        super().__init__(error)
        self.error = error
        self.description = description

    def body(self) -> Json:
        body: Json = {"error": self.error}
        if self.description is not None:
            body["error_description"] = self.description
        return body


def redirect_uri_fits(uri: str, registered: tuple[str, ...]) -> bool:
    """Whether Spotify accepts a redirect URI: https or a loopback literal (never `localhost`), and registered.

    The match is exact, but a loopback URI that is registered without a port fits any port.
    """
    parts = urlsplit(uri)
    is_loopback = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if not is_loopback and (parts.scheme != "https" or parts.hostname == "localhost"):
        return False
    if uri in registered:
        return True
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    return is_loopback and parts._replace(netloc=str(host)).geturl() in registered


def months_later(moment: datetime, months: int) -> datetime:
    """The same day some calendar months later, or that month's last day."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    return moment.replace(year=year, month=month + 1, day=min(moment.day, monthrange(year, month + 1)[1]))


class AccountsService:
    """Gives out codes and tokens for the configured app."""

    def __init__(
        self, config: SimulatorConfig, accounts: Mapping[str, Account], book: TokenBook, clock: SimulatedTime
    ) -> None:
        self.config = config
        self._accounts = accounts
        self.book = book
        self._clock = clock

    def authorize(self, query: Mapping[str, str]) -> str:
        """The address to which the browser is sent back. The listener agrees at once, unless `_sim_consent=denied`.

        `_sim_user` says which listener sits at the browser, by default the first. Raises `Refused` for what Spotify
        shows as an error page instead of redirecting.
        """
        if query.get("client_id") != self.config.client_id:
            raise Refused("INVALID_CLIENT: Invalid client")
        uri = query.get("redirect_uri", "")
        if not redirect_uri_fits(uri, self.config.redirect_uris):
            raise Refused("INVALID_CLIENT: Invalid redirect URI")
        user = query.get("_sim_user", next(iter(self._accounts)))
        if user not in self._accounts:
            raise Refused(f"unknown _sim_user {user}")
        answer = {"state": query["state"]} if "state" in query else {}
        challenge = query.get("code_challenge")
        if query.get("response_type") != "code":
            return _with_query(uri, {"error": "unsupported_response_type"} | answer)
        if challenge is not None and query.get("code_challenge_method") != "S256":
            return _with_query(uri, {"error": "invalid_request"} | answer)
        if query.get("_sim_consent") == "denied":
            return _with_query(uri, {"error": "access_denied"} | answer)
        now = self._clock.now()
        code = self.book.new("code")
        self.book.codes[code] = Code(
            user=user,
            scope=" ".join(query.get("scope", "").split()),
            redirect_uri=uri,
            challenge=challenge,
            consented_at=now,
            expires_at=now + timedelta(seconds=self.config.code_seconds),
        )
        return _with_query(uri, {"code": code} | answer)

    def token(self, form: Mapping[str, str], authorization: str | None) -> tuple[Json, str | None]:
        """The answer of `POST /api/token`, and the listener it is for. Raises `Refused`."""
        knows_secret = self._client(form, authorization)
        match form.get("grant_type"):
            case "authorization_code":
                return self._exchange(form, knows_secret=knows_secret)
            case "refresh_token":
                return self._refresh(form)
            case "client_credentials" if knows_secret:
                return self._access(None, "", with_scope=False), None
            case "client_credentials":
                raise Refused("invalid_client", "Invalid client secret")
            case None:
                raise Refused("unsupported_grant_type", "grant_type parameter is missing")
            case _:
                expected = "client_credentials, authorization_code or refresh_token"
                raise Refused("unsupported_grant_type", f"grant_type must be {expected}")

    def _client(self, form: Mapping[str, str], authorization: str | None) -> bool:
        """Whether the caller proved to be the app; False is a public client. Raises `Refused` for another app."""
        client_id, secret = form.get("client_id"), form.get("client_secret")
        if authorization is not None:
            client_id, secret = _basic(authorization)
        if client_id is None:
            raise Refused("invalid_client")
        if client_id != self.config.client_id:
            raise Refused("invalid_client", "Invalid client")
        if secret is not None and not compare_digest(secret.encode(), self.config.client_secret.encode()):
            raise Refused("invalid_client", "Invalid client secret")
        return secret is not None

    def _exchange(self, form: Mapping[str, str], *, knows_secret: bool) -> tuple[Json, str]:
        code = self.book.codes.pop(form.get("code", ""), None)
        if code is None:
            raise Refused("invalid_grant", "Invalid authorization code")
        if self._clock.now() >= code.expires_at:
            raise Refused("invalid_grant", "Authorization code expired")
        if form.get("redirect_uri") != code.redirect_uri:
            raise Refused("invalid_grant", "Invalid redirect URI")
        if code.challenge is None and not knows_secret:
            raise Refused("invalid_client", "Invalid client secret")
        if code.challenge is not None and _challenge(form.get("code_verifier", "")) != code.challenge:
            raise Refused("invalid_grant", "code_verifier was incorrect")
        refresh = RefreshToken(
            user=code.user,
            scope=code.scope,
            consented_at=code.consented_at,
            expires_at=months_later(code.consented_at, self.config.refresh_token_months),
        )
        answer = self._access(code.user, code.scope) | {"refresh_token": self._keep(refresh)}
        self.book.save()
        return answer, code.user

    def _refresh(self, form: Mapping[str, str]) -> tuple[Json, str]:
        given = form.get("refresh_token", "")
        token = self.book.refresh.get(given)
        if token is None:
            raise Refused("invalid_grant", "Invalid refresh token")
        if token.is_revoked:
            raise Refused("invalid_grant", "Refresh token revoked")
        if self._clock.now() >= token.expires_at:
            raise Refused("invalid_grant", "Refresh token expired")
        answer = self._access(token.user, token.scope)
        used = replace(token, uses=token.uses + 1)
        rotates = self.config.rotation == "single_use" or (self.config.rotation == "sometimes" and used.uses % 2 == 0)
        if rotates:
            answer["refresh_token"] = self._keep(replace(used, uses=0))
            used = replace(used, is_revoked=True)
        self.book.refresh[given] = used
        self.book.save()
        return answer, token.user

    def _keep(self, token: RefreshToken) -> str:
        text = self.book.new("refresh")
        self.book.refresh[text] = token
        return text

    def _access(self, user: str | None, scope: str, *, with_scope: bool = True) -> Json:
        text = self.book.new("access")
        seconds, now = self.config.access_token_seconds, self._clock.now()
        self.book.access = {key: kept for key, kept in self.book.access.items() if kept.expires_at > now}
        self.book.access[text] = AccessToken(user, scope, now + timedelta(seconds=seconds))
        answer: Json = {"access_token": text, "token_type": "Bearer", "expires_in": seconds}
        return answer | {"scope": scope} if with_scope else answer


def _challenge(verifier: str) -> str:
    if not 43 <= len(verifier) <= 128:
        return ""
    return urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, value = authorization.partition(" ")
    try:
        client_id, colon, secret = b64decode(value, validate=True).decode().partition(":")
    except (Base64Error, UnicodeDecodeError):
        colon = ""
    if scheme.lower() != "basic" or not colon:
        raise Refused("invalid_client", "Invalid authorization header")
    return client_id, secret


def _with_query(uri: str, query: Mapping[str, str]) -> str:
    return f"{uri}{'&' if urlsplit(uri).query else '?'}{urlencode(query)}"
