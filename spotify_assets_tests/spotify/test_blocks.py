"""The time until which nobody is called outlives the run that was told."""

from datetime import timedelta

from spotify_assets.spotify.blocks import Block, blocked_until, store_block
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.spotify.conftest import NOW

API = "https://api.spotify.com/v1"


def test_a_block_holds_until_its_end_for_its_api_only(warehouse: Warehouse) -> None:
    until = NOW + timedelta(hours=13)
    with warehouse.connect() as connection:
        assert blocked_until(connection, API, NOW) is None
        store_block(connection, API, until, "the quota")
    with warehouse.connect() as connection:
        assert blocked_until(connection, API, NOW) == Block(until, "the quota")
        assert blocked_until(connection, API, until - timedelta(seconds=1)) is not None
        assert blocked_until(connection, API, until) is None
        assert blocked_until(connection, "http://127.0.0.1:1/v1", NOW) is None


def test_of_two_blocks_the_later_end_stays_with_its_reason(warehouse: Warehouse) -> None:
    with warehouse.connect() as connection:
        for hours, reason in [(2, "second"), (3, "third"), (1, "first")]:
            store_block(connection, API, NOW + timedelta(hours=hours), reason)
        assert blocked_until(connection, API, NOW) == Block(NOW + timedelta(hours=3), "third")
