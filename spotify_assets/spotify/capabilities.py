"""What Spotify allows this app, as it was found to be, kept in `ops.capabilities` for a day so that every run knows.

Spotify tells no app its tier, so it is read from what is refused: since February 2026 an app in Development Mode may
not ask for several things at once (https://developer.spotify.com/documentation/web-api/references/changes/february-2026).
"""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

from spotify_assets.clock import Clock
from spotify_assets.spotify.budget import DEVELOPMENT_LISTENERS
from spotify_assets.storage.warehouse import Warehouse

Batch = Literal["tracks_batch", "artists_batch", "albums_batch"]
KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True)
class Capabilities:
    """What is known of one API. Both methods raise `WarehouseUnavailable`."""

    warehouse: Warehouse = field(repr=False)
    clock: Clock
    api_url: str

    def allowed(self, batch: Batch) -> bool | None:
        """Whether Spotify allowed it when it was last asked; None where nobody asked in the last 24 hours."""
        with self.warehouse.connect() as connection:
            row = connection.execute(
                "select is_allowed from ops.capabilities where api_url = %s and name = %s and found_at > %s",
                (self.api_url, batch, self.clock.now() - KEPT_FOR),
            ).fetchone()
        return row[0] if row else None

    def found(self, batch: Batch, *, is_allowed: bool) -> None:
        """Keeps what Spotify has just answered."""
        with self.warehouse.connect() as connection:
            connection.execute(
                """
                insert into ops.capabilities (api_url, name, is_allowed, found_at)
                values (%s, %s, %s, %s)
                on conflict (api_url, name) do update
                set is_allowed = excluded.is_allowed, found_at = excluded.found_at
                """,
                (self.api_url, batch, is_allowed, self.clock.now()),
            )


def tier(batch_allowed: bool | None, connected: int) -> str:
    """The app's access tier in words, by whether it may ask in batches and how many listeners are connected."""
    if batch_allowed is False:
        return "new Development Mode"
    if connected > DEVELOPMENT_LISTENERS:
        return "Extended"
    if batch_allowed:
        return "Development Mode of before February 2026, or Extended"
    return "tier not known yet"
