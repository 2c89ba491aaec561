"""Taking in logins: after a listener's consent, and the one that the environment may bring along."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from tzlocal import get_localzone_name

from spotify_assets.settings import is_loopback
from spotify_assets.spotify.models import Profile
from spotify_assets.spotify.outcomes import LoginRefused
from spotify_assets.spotify.stored import lock_login
from spotify_assets.storage.time_zones import check_zone, mark_plays

SEEDED_USER = "me"
_USER_ID = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class NewLogin:
    """A listener's fresh consent. Tokens are ciphertext, times UTC; `time_zone` counts for a new listener only."""

    user_id: str
    api_url: str
    profile: Profile = field(repr=False)
    time_zone: str
    consented_at: datetime
    refresh_token: bytes = field(repr=False)
    access_token: bytes = field(repr=False)
    access_expires_at: datetime
    scope: str | None


@dataclass(frozen=True)
class Known:
    """A listener that the login could be about: the one of that name, or of that account."""

    user_id: str
    account_id: str | None
    api_url: str


def checked_user_id(user_id: str) -> str:
    """The name if it can be a listener's. Raises `LoginRefused`."""
    if not _USER_ID.fullmatch(user_id):
        raise LoginRefused(
            f"{user_id!r} can't be a listener's name: use up to 32 lower-case letters, digits, - and _, "
            "beginning with a letter or digit."
        )
    return user_id


def checked_time_zone(time_zone: str) -> str:
    """The zone if this machine's zone database has it. Raises `LoginRefused`."""
    try:
        return ZoneInfo(time_zone).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise LoginRefused(f"{time_zone!r} is no time zone: give one such as Europe/Berlin or UTC.") from None


def machine_zone() -> str:
    """This machine's time zone by its name; UTC where it has none."""
    try:
        return checked_time_zone(get_localzone_name() or "UTC")
    except (LoginRefused, ZoneInfoNotFoundError, ValueError, OSError):
        return "UTC"


def conflict(user_id: str, profile: Profile, api_url: str, known: Sequence[Known]) -> str | None:
    """Why this account can't log in under this name, as a sentence; None if it can."""
    accounts = {profile.account, profile.id}
    for listener in known:
        if listener.user_id != user_id:
            if listener.account_id in accounts:
                return (
                    f"This Spotify account is already connected as {listener.user_id}: "
                    f"run `spotify-assets login {listener.user_id}`, or log in as somebody else at Spotify."
                )
        elif listener.api_url != api_url and not (is_loopback(listener.api_url) and is_loopback(api_url)):
            return (
                f"The name {user_id} belongs to a login at {listener.api_url}, not at {api_url}: "
                "choose another name for this one."
            )
        elif listener.account_id is not None and listener.account_id not in accounts:
            return (
                f"The name {user_id} belongs to another Spotify account: log in with that one, "
                "or choose another name for this one."
            )
    return None


def save_login(connection: psycopg.Connection, login: NewLogin) -> None:
    """Stores a new listener, or new tokens for a known one, who keeps all else. The caller commits.

    Raises `LoginRefused` for a name or zone that can't be, another account under a known name, or a known account under
    another name; and `UserError` for a zone that Postgres doesn't know.
    """
    user_id = checked_user_id(login.user_id)
    time_zone = checked_time_zone(login.time_zone)
    check_zone(connection, time_zone)
    lock_login(connection, user_id, until="commit")
    rows = connection.execute(
        """
        select user_id, account_id, api_url
        from (
            select user_id, account_id, api_url
            from ops.listeners
            union all
            select user_id, account_id, %(api)s
            from ops.unconnected_listeners
        ) as known
        where user_id = %(user)s or account_id in (%(account)s, %(id)s)
        """,
        {"api": login.api_url, "user": user_id, "account": login.profile.account, "id": login.profile.id},
    ).fetchall()
    problem = conflict(user_id, login.profile, login.api_url, [Known(*row) for row in rows])
    if problem:
        raise LoginRefused(problem)
    try:
        _write(connection, login, time_zone)
    except psycopg.errors.UniqueViolation:
        problem = (
            f"This Spotify account was connected under another name at the same moment: "
            f"see `spotify-assets listeners list` before logging {user_id} in."
        )
    if problem:
        raise LoginRefused(problem)


def _write(connection: psycopg.Connection, login: NewLogin, time_zone: str) -> None:
    known = connection.execute("select 1 from ops.listeners where user_id = %s", (login.user_id,)).fetchone()
    before = _take_back(connection, login.user_id)
    connection.execute(
        """
        insert into ops.listeners as known (user_id, account_id, display_name, time_zone, api_url, status, connected_at)
        values (%s, %s, %s, %s, %s, 'connected', %s)
        on conflict (user_id) do update
        set account_id = excluded.account_id,
            display_name = coalesce(known.display_name, excluded.display_name),
            status = 'connected',
            status_reason = null,
            api_url = excluded.api_url
        """,
        (
            login.user_id,
            login.profile.account,
            before.display_name or login.profile.display_name,
            before.time_zone or time_zone,
            login.api_url,
            login.consented_at,
        ),
    )
    if not known and before.time_zone is None:
        # Plays that were replayed before the first login lie on the dates of UTC so far.
        mark_plays(connection, login.user_id)
    connection.execute(
        """
        insert into ops.tokens (user_id, refresh_token, access_token, access_expires_at, scope, consented_at)
        values (%s, %s, %s, %s, %s, %s)
        on conflict (user_id) do update
        set refresh_token = excluded.refresh_token,
            access_token = excluded.access_token,
            access_expires_at = excluded.access_expires_at,
            scope = excluded.scope,
            consented_at = excluded.consented_at,
            consent_is_known = true,
            refreshed_at = null
        """,
        (
            login.user_id,
            login.refresh_token,
            login.access_token,
            login.access_expires_at,
            login.scope,
            login.consented_at,
        ),
    )


@dataclass(frozen=True)
class _Former:
    """What is kept of a listener who was removed."""

    display_name: str | None = None
    time_zone: str | None = None


def _take_back(connection: psycopg.Connection, user_id: str) -> _Former:
    """What was kept of a listener who was removed and now logs in again; it is kept no longer."""
    row = connection.execute(
        "delete from ops.unconnected_listeners where user_id = %s returning display_name, time_zone", (user_id,)
    ).fetchone()
    return _Former(*row) if row else _Former()


def has_listeners(connection: psycopg.Connection, api_url: str) -> bool:
    """Whether anybody has a login at this API, one that ended included; who was removed has none."""
    return bool(connection.execute("select 1 from ops.listeners where api_url = %s limit 1", (api_url,)).fetchone())


def seed(connection: psycopg.Connection, refresh_token: bytes, api_url: str, now: datetime) -> bool:
    """Stores the environment's token (ciphertext) as the listener `me`, if nobody has a login at this API.

    A `me` who was removed before gets name and zone back. Nothing tells when that consent was given, so it counts from
    now. Returns whether it did; the caller commits. Raises `LoginRefused` when `me` is a listener of another API.
    """
    lock_login(connection, SEEDED_USER, until="commit")
    if has_listeners(connection, api_url):
        return False
    before = _take_back(connection, SEEDED_USER)
    added = connection.execute(
        """
        insert into ops.listeners (user_id, display_name, time_zone, api_url, status, connected_at)
        values (%s, %s, %s, %s, 'connected', %s)
        on conflict do nothing
        """,
        (SEEDED_USER, before.display_name, before.time_zone or "UTC", api_url, now),
    )
    if added.rowcount == 0:
        raise LoginRefused(
            f"SPOTIFY_REFRESH_TOKEN can't be used, because the name {SEEDED_USER} belongs to a login at another API "
            f"than {api_url}: unset it and run `spotify-assets login` with a name of your own."
        )
    connection.execute(
        "insert into ops.tokens (user_id, refresh_token, consented_at, consent_is_known) values (%s, %s, %s, false)",
        (SEEDED_USER, refresh_token, now),
    )
    return True


def renew_seed(connection: psycopg.Connection, refresh_token: bytes, now: datetime) -> None:
    """Gives `me`, who had to log in again, the environment's new token (ciphertext). The caller locks and commits."""
    connection.execute(
        """
        update ops.tokens
        set refresh_token = %s,
            consented_at = %s,
            consent_is_known = false,
            access_token = null,
            access_expires_at = null,
            refreshed_at = null
        where user_id = %s
        """,
        (refresh_token, now, SEEDED_USER),
    )
    connection.execute(
        "update ops.listeners set status = 'connected', status_reason = null where user_id = %s", (SEEDED_USER,)
    )
