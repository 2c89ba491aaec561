"""Rules that leave plays out: each kind, for one listener and for everybody, links and ids, with and without limits."""

from collections import Counter
from collections.abc import Sequence

from spotify_assets_tests.modelling.in_pandas.told import Thing
from spotify_assets_tests.modelling.made_up.exports import RULED_UNTIL
from spotify_assets_tests.modelling.made_up.polls import PLAYLIST
from spotify_assets_tests.modelling.made_up.songs import Song, artist

TRACK = "spotify:track:"
LINK = "https://open.spotify.com/intl-de/track/"


def rules(user_id: str, audio: Sequence[Thing], songs: Sequence[Song]) -> list[Thing]:
    """What is not for everybody is about this listener. Limits are moments at which streams ended."""
    first = songs[0]
    ordered = sorted(audio, key=lambda row: str(row["ts"]))
    ends = [str(row["ts"]) for row in ordered]
    often = [str(row["ts"]) for row in ordered if row["spotify_track_uri"] == TRACK + first.id]
    [(in_span, _)] = Counter(str(row["spotify_track_uri"]) for row in ordered[20_000:20_500]).most_common(1)
    [*_, (platform, _)] = Counter(str(row["platform"]) for row in audio).most_common(12)
    known = [
        _rule(user_id, "track", first.id, LINK + first.id, often[len(often) // 4], often[len(often) // 2]),
        _rule(None, "artist", str(artist(songs[2].artist)["id"])),
        _rule(user_id, "playlist", PLAYLIST, f"spotify:playlist:{PLAYLIST}"),
        _rule(user_id, "device", platform.swapcase()),
        _rule(None, "span", None, None, ends[20_000], ends[20_500]),
        _rule(user_id, "span", None, None, None, RULED_UNTIL),
        _rule(user_id, "listener", None, None, ends[9_000], ends[9_200]),
        # It overlaps with the span.
        _rule(None, "track", in_span.removeprefix(TRACK), in_span, ends[15_000], ends[20_300]),
        # These fit nothing.
        _rule(user_id, "track", first.id[::-1]),
        _rule("nobody", "listener", None),
    ]
    return [{"rule_id": number, **rule, "note": f"Rule {number}" if number % 4 else None}
            for number, rule in enumerate(known, 1)]  # fmt: skip


def _rule(
    user_id: str | None,
    kind: str,
    excluded: str | None,
    link: str | None = None,
    starts_at: str | None = None,
    ends_at: str | None = None,
) -> Thing:
    """`value` is what a person writes, `excluded` what is kept of it."""
    return {
        "user_id": user_id,
        "kind": kind,
        "value": link or excluded,
        "excluded": excluded,
        "starts_at": starts_at,
        "ends_at": ends_at,
    }
