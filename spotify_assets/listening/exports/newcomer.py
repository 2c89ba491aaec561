"""A listener who only imports: no login, but a name and a time zone, which a later login takes over."""

import psycopg

from spotify_assets.spotify.logins import checked_time_zone, checked_user_id
from spotify_assets.spotify.stored import lock_login
from spotify_assets.storage.time_zones import check_zone, kept_zone, mark_plays
from spotify_assets.storage.warehouse import Warehouse


def welcome(warehouse: Warehouse, user_id: str, time_zone: str) -> bool:
    """Notes a listener who is new, with this zone; who is known keeps theirs. Tells whether there was one to note.

    Raises `UserError` for a name or zone that can't be.
    """
    with warehouse.connect() as connection:
        return add_without_login(connection, user_id, time_zone)


def add_without_login(connection: psycopg.Connection, user_id: str, time_zone: str) -> bool:
    """The same; the caller commits."""
    zone = checked_time_zone(time_zone)
    check_zone(connection, zone)
    lock_login(connection, checked_user_id(user_id), until="commit")
    if kept_zone(connection, user_id) is not None:
        return False
    connection.execute("insert into ops.unconnected_listeners (user_id, time_zone) values (%s, %s)", (user_id, zone))
    # What was loaded before lies on the dates of UTC so far.
    mark_plays(connection, user_id)
    return True
