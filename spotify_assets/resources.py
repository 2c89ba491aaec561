"""What runs need from outside, as Dagster resources. Each is opened when a run starts, never on import or on load."""

import dagster as dg

from spotify_assets.clock import Clock, clock_from
from spotify_assets.settings import settings
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.storage.lake import Lake, open_lake
from spotify_assets.storage.warehouse import Warehouse, open_warehouse


class ClockResource(dg.ConfigurableResourceFactory[Clock]):
    """The clock that `SPOTIFY_ASSETS_CLOCK` names, by default the real time."""

    def create_resource(self, context: dg.InitResourceContext) -> Clock:  # noqa: ARG002
        return clock_from(settings())


class WarehouseResource(dg.ConfigurableResourceFactory[Warehouse]):
    """Postgres: the one of `DATABASE_URL`, or an embedded one, started when it isn't running."""

    def create_resource(self, context: dg.InitResourceContext) -> Warehouse:  # noqa: ARG002
        return open_warehouse(settings())


class LakeResource(dg.ConfigurableResourceFactory[Lake]):
    """The lake of `LAKE_URL`: S3, or a folder under the home."""

    def create_resource(self, context: dg.InitResourceContext) -> Lake:  # noqa: ARG002
        return open_lake(settings())


class SpotifyResource(dg.ConfigurableResourceFactory[SpotifyAccess]):
    """Spotify's accounts and Web API, with the logins that the warehouse keeps."""

    warehouse: dg.ResourceDependency[Warehouse]
    clock: dg.ResourceDependency[Clock]

    def create_resource(self, context: dg.InitResourceContext) -> SpotifyAccess:  # noqa: ARG002
        return SpotifyAccess.open(settings(), self.warehouse, self.clock)


def resources() -> dict[str, object]:
    """The resources by the names under which assets ask for them."""
    warehouse, clock = WarehouseResource(), ClockResource()
    return {
        "warehouse": warehouse,
        "lake": LakeResource(),
        "clock": clock,
        "spotify": SpotifyResource(warehouse=warehouse, clock=clock),
    }
