"""The environment's tokens that were seen before: each makes a listener once, so that who was removed stays away."""

from hashlib import sha256

import psycopg

from spotify_assets.settings import Settings


def given_seed(settings: Settings) -> str | None:
    """SPOTIFY_REFRESH_TOKEN in the clear, if it is set to anything."""
    token = settings.spotify_refresh_token
    return (token.get_secret_value().strip() or None) if token else None


def spend_seed(connection: psycopg.Connection, seed: str, api_url: str) -> bool:
    """Notes that this token (in the clear) was seen at this API; tells if it is the first time. The caller commits.

    Only a digest is kept, without a name. It stays when the token is rotated, and when its listener is erased.
    """
    digest = sha256(f"{api_url} {seed}".encode()).hexdigest()
    noted = connection.execute("insert into ops.spent_seeds values (%s) on conflict do nothing", (digest,))
    return noted.rowcount == 1
