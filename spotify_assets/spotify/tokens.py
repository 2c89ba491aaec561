"""Stored logins: who is connected, and an access token for each that is refreshed once for all processes.

A refresh token may be good for one use only, so losing the answer to a refresh costs a person a new login. Hence:

* A refresh holds the listener's advisory lock on a connection of its own; who waited for it finds the new token.
* Before Spotify is asked, the database has proved by a write that it takes writes, and everything but the encryption
  of the answer and one statement, which commits by itself, has been done.
* When Postgres goes away between the answer and that statement, the statement is tried on new connections for ten
  seconds more. Another process may have used the dead token in that time and marked the listener; storing the answer
  takes the mark back.
* That write beforehand is a note that a refresh is under way. It goes with an answer that says that nothing was
  rotated, and stays where the answer was lost, after a kill say, so that the `needs_login` which follows tells why.
* What a refresh stores is under the first key, also the old refresh token where it stays: after one refresh of each
  listener the other keys may be dropped.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import psycopg
from psycopg.rows import class_row

from spotify_assets.clock import Clock
from spotify_assets.errors import SettingsError, WarehouseUnavailable
from spotify_assets.settings import Settings
from spotify_assets.spotify import logins, stored
from spotify_assets.spotify.models import Profile, TokenAnswer
from spotify_assets.spotify.oauth import SpotifyApp
from spotify_assets.spotify.outcomes import LoginRefused, Transient
from spotify_assets.spotify.refreshing import refreshed, usable
from spotify_assets.spotify.seeds import given_seed, spend_seed
from spotify_assets.spotify.stored import Renewed, Status, StoredLogin
from spotify_assets.storage.secrets import TokenCipher
from spotify_assets.storage.warehouse import Warehouse

# An access token is used only while it has this long to live, so that it doesn't die on the way.
FRESH = timedelta(seconds=60)
SAVE_SECONDS = 10.0
# What psycopg raises from a statement when the server went away, and from the next one on that connection.
_GONE = (psycopg.OperationalError, psycopg.InterfaceError)


@dataclass(frozen=True)
class Listener:
    """A person whose history is kept. `time_zone` is an IANA name, and all times are UTC.

    `connected_at` is the first login, `consented_at` the last; `polled_at` is when Spotify last answered a poll.
    """

    user_id: str
    account_id: str | None
    display_name: str | None
    time_zone: str
    status: Status
    status_reason: str | None
    api_url: str
    connected_at: datetime
    consented_at: datetime
    polled_at: datetime | None


@dataclass(frozen=True)
class TokenStore:
    """The logins in the warehouse, encrypted. Every method opens and closes a connection of its own.

    All raise `WarehouseUnavailable` when Postgres is or goes away, and `SettingsError` when no key decrypts.
    """

    warehouse: Warehouse = field(repr=False)
    cipher: TokenCipher = field(repr=False)
    clock: Clock
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    def listeners(self, api_url: str) -> list[Listener]:
        """All listeners that logged in at this API, by name, including those who need to log in again."""
        with self.warehouse.connect() as connection, connection.cursor(row_factory=class_row(Listener)) as cursor:
            return cursor.execute(
                """
                select
                    user_id,
                    account_id,
                    display_name,
                    time_zone,
                    status,
                    status_reason,
                    api_url,
                    connected_at,
                    consented_at,
                    polled_at
                from ops.listeners
                inner join ops.tokens using (user_id)
                where api_url = %s
                order by user_id
                """,
                (api_url,),
            ).fetchall()

    def connected(self, api_url: str) -> list[Listener]:
        """The listeners of this API whose login works, as far as is known."""
        return [listener for listener in self.listeners(api_url) if listener.status == "connected"]

    def under_old_key(self, api_url: str) -> list[str]:
        """Those whose stored tokens the first key does not decrypt, by name: its other keys are still needed."""
        with self.warehouse.connect() as connection:
            rows = stored.stored_tokens(connection, api_url)
        return [
            user_id
            for user_id, *tokens in rows
            if not all(self.cipher.is_under_first_key(token) for token in tokens if token is not None)
        ]

    def save_login(
        self,
        user_id: str,
        answer: TokenAnswer,
        consented_at: datetime,
        profile: Profile,
        time_zone: str,
        api_url: str,
    ) -> None:
        """Stores a listener's consent. Who is known keeps name, zone and history, and is `connected` again.

        Raises `LoginRefused`, see `logins.save_login`, and when the answer holds no refresh token.
        """
        if answer.refresh_token is None:
            raise LoginRefused(f"Spotify sent no refresh token for {user_id}: log in again, accepting all permissions.")
        login = logins.NewLogin(
            user_id=user_id,
            api_url=api_url,
            profile=profile,
            time_zone=time_zone,
            consented_at=consented_at,
            refresh_token=self.cipher.encrypt(answer.refresh_token.get_secret_value()),
            access_token=self.cipher.encrypt(answer.access_token.get_secret_value()),
            access_expires_at=self.clock.now() + timedelta(seconds=answer.expires_in),
            scope=answer.scope,
        )
        with self.warehouse.connect() as connection:
            logins.save_login(connection, login)

    def seed_from_environment(self, settings: Settings) -> bool:
        """Makes SPOTIFY_REFRESH_TOKEN the listener `me` if nobody has a login at SPOTIFY_API_URL; tells if it did.

        A token does that when it is first seen, or never: who was removed doesn't come back by it.
        Where `me` has to log in again, a token other than the stored one renews the login. The consent counts from the
        first sight of a token. Raises `LoginRefused` when `me` is a listener of another API.
        """
        given = given_seed(settings)
        if given is None:
            return False
        api_url = settings.spotify_api_url
        now = self.clock.now()
        with self.warehouse.connect() as connection:
            is_new = spend_seed(connection, given, api_url)
            if not logins.has_listeners(connection, api_url):
                return is_new and logins.seed(connection, self.cipher.encrypt(given), api_url, now)
            login = stored.read_login(connection, logins.SEEDED_USER)
            if login is None or login.status != "needs_login":
                return False
            stored.lock_login(connection, logins.SEEDED_USER, until="commit")
            login = stored.read_login(connection, logins.SEEDED_USER)
            if login is None or login.api_url != api_url or login.status != "needs_login":
                return False
            if self._is(login.refresh_token, given):
                return False
            logins.renew_seed(connection, self.cipher.encrypt(given), now)
            return True

    def _is(self, stored_token: bytes, given: str) -> bool:
        """Whether a stored token is this one. One whose key is gone can be no help, so it counts as another."""
        try:
            return self.cipher.decrypt(stored_token) == given
        except SettingsError:
            return False

    def access_token(self, user_id: str, app: SpotifyApp, *, rejected: str | None = None) -> str:
        """An access token with more than a minute to live, and not `rejected`, the one that Spotify has just refused.

        Refreshes if need be; what it returns is stored by then. Raises `ReauthRequired` (the listener is marked, and
        nobody is asked for them again before a new login; the stored token stays), `Transient` (nobody is marked),
        `InvalidClient`, `BadRequest`, and `LoginRefused` for a name that isn't known at the app's API.
        """
        with self.warehouse.connect() as connection:
            connection.autocommit = True
            try:
                stored.lock_login(connection, user_id, until="close")
            except stored.LoginBusy:
                raise Transient("POST /api/token", "another process holds the token's lock", user_id) from None
            return self._access_token(connection, user_id, app, rejected)

    def _access_token(self, connection: psycopg.Connection, user_id: str, app: SpotifyApp, rejected: str | None) -> str:
        login = usable(stored.read_login(connection, user_id), user_id, app)
        now = self.clock.now()
        if login.access_token and login.access_expires_at and login.access_expires_at - now > FRESH:
            current = self.cipher.decrypt(login.access_token)
            if current != rejected:
                return current
        refresh_token = self.cipher.decrypt(login.refresh_token)
        stored.note_refresh_begun(connection, user_id, now)
        answer = refreshed(connection, login, app, refresh_token)
        self._save(connection, self._renewed(login, answer, now), refresh_token)
        return answer.access_token.get_secret_value()

    def _renewed(self, login: StoredLogin, answer: TokenAnswer, now: datetime) -> Renewed:
        rotated = answer.refresh_token
        kept: bytes | None = None
        if rotated is None and not self.cipher.is_under_first_key(login.refresh_token):
            kept = self.cipher.encrypt(self.cipher.decrypt(login.refresh_token))
        return Renewed(
            login=login,
            access_token=self.cipher.encrypt(answer.access_token.get_secret_value()),
            refresh_token=self.cipher.encrypt(rotated.get_secret_value()) if rotated else kept,
            is_rotated=rotated is not None,
            access_expires_at=now + timedelta(seconds=answer.expires_in),
            refreshed_at=now,
            scope=answer.scope,
        )

    def _save(self, connection: psycopg.Connection, renewed: Renewed, sent: str) -> None:
        """Stores a refresh's answer; `sent` is the refresh token that it is for, in the clear."""
        try:
            stored.write_renewed(connection, renewed)
        except _GONE:
            if not renewed.is_rotated:
                raise
        else:
            return
        until = time.monotonic() + SAVE_SECONDS
        while time.monotonic() < until:
            self.sleep(0.2)
            try:
                with self.warehouse.connect() as another:
                    # The lock went with the connection: somebody may have stored the same token under another key.
                    current = stored.read_login(another, renewed.login.user_id, to_write=True)
                    if current and self.cipher.decrypt(current.refresh_token) == sent:
                        renewed = replace(renewed, login=current)
                    stored.write_renewed(another, renewed)
            except (*_GONE, WarehouseUnavailable):
                continue
            return
        user_id = renewed.login.user_id
        raise WarehouseUnavailable(
            f"{self.warehouse.where} went away just when Spotify had replaced the token of listener {user_id}: "
            f"once it runs, log in again with `spotify-assets login {user_id}`; nothing else is lost."
        )
