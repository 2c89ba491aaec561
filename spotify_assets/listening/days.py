"""What a materialization of one day of `raw_plays` does: call Spotify, replay the lake, or refuse with the reason."""

from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True)
class Decision:
    """`poll` calls Spotify, `replay` loads what was landed that day, `refuse` fails; `reason` is for a person."""

    action: Literal["poll", "replay", "refuse"]
    reason: str


def decide(
    day: date, *, today: date, asked_on: date, replay_only: bool, landed: int, first_landing: date | None
) -> Decision:
    """Decides for the partition `day`; all days are UTC.

    `asked_on` is the day on which the run was asked for: a run for that day's partition that begins after midnight
    still polls. `landed` is how many pages lie in the lake for `day`, `first_landing` the first day with any.
    """
    if not replay_only and day in (today, asked_on):
        return Decision("poll", f"{day} is today: Spotify is asked for the newest 50 plays of each listener.")
    if landed:
        return Decision("replay", f"{day} is past: the {landed} pages landed that day were loaded again from the lake.")
    if replay_only or first_landing is None or day < first_landing:
        return Decision("replay", f"Nothing was landed on {day}, so there is nothing to load.")
    return Decision(
        "refuse",
        f"Nothing was landed on {day}, and its plays can't be fetched any more: Spotify gives only a listener's newest "
        "50 plays, and calls no day by its date. Ask Spotify for the extended streaming history to fill the hole.",
    )
