"""Landing and erasing keep out of each other's way."""

from threading import Thread

from spotify_assets.errors import WarehouseUnavailable
from spotify_assets.storage.landing import while_nobody_is_erased, while_nobody_lands
from spotify_assets.storage.warehouse import Warehouse
from spotify_assets_tests.test_two_at_once import wait_until

WAITING = "select pid from pg_locks where locktype = 'advisory' and not granted"


def test_a_database_that_goes_away_from_who_waits_is_a_sentence(warehouse: Warehouse) -> None:
    ended: list[BaseException] = []

    def wait_for_the_erasure() -> None:
        try:
            with while_nobody_is_erased(warehouse):
                pass
        except BaseException as error:  # noqa: BLE001 - whatever it is, the test looks at it
            ended.append(error)

    with while_nobody_lands(warehouse), warehouse.connect() as onlooker:
        onlooker.autocommit = True
        waiting = Thread(target=wait_for_the_erasure)
        waiting.start()
        wait_until(lambda: bool(onlooker.execute(WAITING).fetchall()))
        onlooker.execute(f"select pg_terminate_backend(pid) from ({WAITING}) as waiters")
        waiting.join(30)
    assert [type(error) for error in ended] == [WarehouseUnavailable]
