"""What runs need from outside, as Dagster resources. Each is opened when a run starts, never on import or on load."""

import dagster as dg

from spotify_assets.clock import Clock, clock_from
from spotify_assets.listening.exports.inbox import Inboxes, open_inbox
from spotify_assets.settings import settings
from spotify_assets.spotify.access import SpotifyAccess
from spotify_assets.storage.lake import Lake, open_lake
from spotify_assets.storage.warehouse import Warehouse, open_warehouse


@dg.resource(description="The clock that SPOTIFY_ASSETS_CLOCK names, by default the real time.")
def clock_resource() -> Clock:
    return clock_from(settings())


@dg.resource(description="Postgres: that of DATABASE_URL, or an embedded one, started when it isn't running.")
def warehouse_resource() -> Warehouse:
    return open_warehouse(settings())


@dg.resource(description="The lake of LAKE_URL: S3, or a folder under the home.")
def lake_resource() -> Lake:
    return open_lake(settings())


@dg.resource(
    description="Spotify's accounts and Web API, with the logins that the warehouse keeps.",
    required_resource_keys={"warehouse", "clock"},
)
def spotify_resource(context: dg.InitResourceContext) -> SpotifyAccess:
    return SpotifyAccess.open(settings(), context.resources.warehouse, context.resources.clock)


@dg.resource(description="Where people put their exports: inbox/<user>/ in the home, and in the lake's bucket.")
def inbox_resource() -> Inboxes:
    return open_inbox(settings())


def resources() -> dict[str, dg.ResourceDefinition]:
    """The resources by the names under which assets ask for them."""
    return {
        "warehouse": warehouse_resource,
        "lake": lake_resource,
        "inbox": inbox_resource,
        "clock": clock_resource,
        "spotify": spotify_resource,
    }
