"""Asking for a new access token, and what a refusal does to the stored login. `tokens.py` holds the lock meanwhile."""

import psycopg

from spotify_assets.spotify import stored
from spotify_assets.spotify.models import TokenAnswer
from spotify_assets.spotify.oauth import SpotifyApp
from spotify_assets.spotify.outcomes import BadRequest, InvalidClient, LoginRefused, ReauthRequired, Transient
from spotify_assets.spotify.stored import StoredLogin


def usable(login: StoredLogin | None, user_id: str, app: SpotifyApp) -> StoredLogin:
    """The login if its tokens may be sent to this app's API. Raises `LoginRefused`; `ReauthRequired` if it ended."""
    if login is None:
        raise LoginRefused(f"Nobody is logged in as {user_id}: run `spotify-assets login {user_id}`.")
    if login.api_url != app.api_url:
        raise LoginRefused(
            f"Listener {user_id} logged in at {login.api_url}, and SPOTIFY_API_URL is {app.api_url}: "
            "a token is sent only to where it came from; set SPOTIFY_API_URL back, or log in under another name."
        )
    if login.status == "needs_login":
        raise ReauthRequired(login.status_reason or "it was refused before", user_id)
    return login


def refreshed(connection: psycopg.Connection, login: StoredLogin, app: SpotifyApp, refresh_token: str) -> TokenAnswer:
    """Spotify's answer to a refresh. Raises as `TokenStore.access_token` does."""
    refused: ReauthRequired | None = None
    try:
        return app.refresh(refresh_token)
    except ReauthRequired as error:
        refused = error
    except Transient as error:
        if error.retry_after is not None:  # a 429: Spotify has not looked at the token
            _forget(connection, login)
        raise Transient(error.call, error.what, login.user_id, error.retry_after) from None
    except (InvalidClient, BadRequest):
        _forget(connection, login)
        raise
    raise _mark(connection, login, refused)


def _forget(connection: psycopg.Connection, login: StoredLogin) -> None:
    """Takes this refresh's note back; that of an earlier one, whose answer was lost, stays."""
    if login.status_reason is None:
        stored.forget_refresh(connection, login.user_id)


def _mark(connection: psycopg.Connection, login: StoredLogin, refused: ReauthRequired) -> ReauthRequired | Transient:
    """Marks the listener and gives the error to raise."""
    reason = refused.description
    if login.status_reason:
        reason = f"{reason}; {login.status_reason}, so its answer, with the next token, may have been lost"
    if stored.mark_needs_login(connection, login, reason):
        return ReauthRequired(reason, login.user_id)
    return Transient("POST /api/token", "the login was renewed by somebody else meanwhile", login.user_id)
