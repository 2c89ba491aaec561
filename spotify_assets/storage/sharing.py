"""Whether several people share a warehouse. What one of them played is shown in no run's metadata then."""

import psycopg

NOT_SHOWN = "Not shown, because several listeners share this warehouse."


def is_shared(connection: psycopg.Connection) -> bool:
    """Whether more than one listener is connected here, at whatever API, or has plays or streams here."""
    row = connection.execute(
        """
        select count(distinct user_id) > 1
        from (
            select user_id
            from ops.listeners
            union all
            select min(user_id)
            from raw.plays
            union all
            select max(user_id)
            from raw.plays
            union all
            select min(user_id)
            from raw.streams
            union all
            select max(user_id)
            from raw.streams
        ) as known
        """
    ).fetchone()
    return bool(row and row[0])
