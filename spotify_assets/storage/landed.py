"""What lies in the lake of a dataset, by listing it, and what of it a finished load has taken, by the ledger."""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from itertools import groupby, islice
from os.path import commonprefix

from spotify_assets.storage.lake import Lake, is_key, parse_key
from spotify_assets.storage.warehouse import Warehouse


def landed_on(lake: Lake, dataset: str, days: Iterable[date]) -> set[str]:
    """The keys of all objects that were fetched on these UTC days, from a listing of the lake."""
    wanted = {day.isoformat() for day in days}
    # Month by month: all that New Year's Eve and New Year's Day share is the millennium.
    months = [list(of_month) for _, of_month in groupby(sorted(wanted), key=lambda day: day[:7])]
    shared = [commonprefix(of_month) for of_month in months]  # noqa: RUF071 - days as text, not paths
    return {
        key
        for folder in folders_of_people(lake, dataset)
        for prefix in shared
        for key in lake.list(f"{folder}date={prefix}")
        if is_key(key) and parse_key(key).date.isoformat() in wanted
    }


def first_landing(lake: Lake, dataset: str) -> date | None:
    """The UTC day of the first object in the lake; None where nothing was ever landed."""
    days = [
        date.fromisoformat(day.rstrip("/").rsplit("date=", 1)[1])
        for folder in folders_of_people(lake, dataset)
        for day in islice((name for name in lake.folders(folder) if "/date=" in name), 1)
    ]
    return min(days, default=None)


def not_loaded(warehouse: Warehouse, keys: set[str]) -> set[str]:
    """Those of the keys that no finished load has taken."""
    with warehouse.connect() as connection:
        rows = connection.execute(
            "select lake_key from ops.landed_objects where lake_key = any(%s) and loaded_version is not null",
            (list(keys),),
        ).fetchall()
    return keys - {str(key) for (key,) in rows}


def noted_and_not_loaded(warehouse: Warehouse, dataset: str) -> set[str]:
    """The keys that came from the spool, of whatever day, and that no finished load has taken."""
    with warehouse.connect() as connection:
        rows = connection.execute(
            "select lake_key from ops.landed_objects where dataset = %s and loaded_version is null", (dataset,)
        ).fetchall()
    return {str(key) for (key,) in rows}


def left_over(warehouse: Warehouse, lake: Lake, dataset: str, today: date) -> set[str]:
    """What earlier runs landed and could not load.

    Looks into the lake for today, yesterday, and each day since that of the newest object loaded.
    """
    lately = landed_on(lake, dataset, _unsettled_days(warehouse, dataset, today))
    return not_loaded(warehouse, lately) | noted_and_not_loaded(warehouse, dataset)


def in_order_of_fetching(keys: Iterable[str]) -> list[str]:
    """The oldest first: after a kill between two transactions everything up to the newest object loaded is in."""
    return sorted(keys, key=lambda key: (parse_key(key).fetched_at, key))


def in_batches(keys: Iterable[str], most: int) -> Iterator[list[str]]:
    """Each key once, in the order given, at most so many at a time: what a load takes in one transaction.

    Two equal answers of one second have one key, and who asked for both names it twice.
    """
    distinct = iter(dict.fromkeys(keys))
    while batch := list(islice(distinct, most)):
        yield batch


def _unsettled_days(warehouse: Warehouse, dataset: str, today: date) -> set[date]:
    with warehouse.connect() as connection:
        row = connection.execute(
            "select max(fetched_at) from ops.landed_objects where dataset = %s and loaded_version is not null",
            (dataset,),
        ).fetchone()
    yesterday = today - timedelta(days=1)
    first = min(row[0].date(), yesterday) if row and row[0] else yesterday
    return {first + timedelta(days=number) for number in range((today - first).days + 1)}


def folders_of_people(lake: Lake, dataset: str) -> Iterator[str]:
    """The folders that hold a folder for each day: one a listener, or the dataset's own where it is nobody's."""
    is_nobodys = False
    for folder in lake.folders(f"{dataset}/"):
        if "/user=" in folder:
            yield folder
        is_nobodys |= "/date=" in folder
    if is_nobodys:
        yield f"{dataset}/"
