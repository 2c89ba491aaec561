"""What a materialization of days does for data that is fetched: ask, load the lake again, or fail with the reason."""

from collections.abc import Collection, Sequence
from datetime import date

from spotify_assets.errors import UserError


class PastIsGone(UserError):
    """A past day on which nothing was landed, of data that can be had only on its day."""


def asks_outside(days: Sequence[date], *, today: date, asked_on: date, is_replay: bool) -> bool:
    """Whether these days (UTC) are fetched rather than loaded again: only today is.

    `asked_on` is the day on which the run was asked for: a run for that day's partition that begins after midnight
    still asks. A range of days never does.
    """
    return len(days) == 1 and not is_replay and days[0] in (today, asked_on)


def past(
    days: Sequence[date],
    *,
    landed: Collection[str],
    first_landing: date | None,
    is_replay: bool,
    things: str = "pages",
    gone: str | None = None,
) -> str:
    """What loading past days again means, in a sentence; `landed` are the `things` in the lake for them.

    `gone` says why the past can't be fetched, and what to do. With it, this raises `PastIsGone` for a single day after
    the first landing on which nothing landed, unless a whole replay was asked for.
    """
    if len(days) > 1:
        return f"{days[0]} to {days[-1]}: the {len(landed)} {things} that were landed then are loaded from the lake."
    day = days[0]
    if landed:
        if is_replay:
            return f"The {len(landed)} {things} that were landed on {day} are loaded again from the lake."
        return f"{day} is past: the {len(landed)} {things} that were landed that day are loaded again from the lake."
    if gone is None or is_replay or first_landing is None or day < first_landing:
        return f"Nothing was landed on {day}, so there is nothing to load."
    raise PastIsGone(f"Nothing was landed on {day}, and {gone}")
