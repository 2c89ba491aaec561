"""What a file is: one of Spotify's two kinds of listening history, or else what, in words for a person."""

import re
from typing import Literal

Kind = Literal["extended", "account_data"]

EXPECTED = (
    "expected are Spotify's Streaming_History_Audio_….json, Streaming_History_Video_….json, endsong_….json or "
    "StreamingHistory….json, their folder, or the zip they came in"
)

_BOM = b"\xef\xbb\xbf"
_NAME_OF_A_HISTORY = re.compile(r"(?i)(streaming_?history|endsong|endvideo)")
_EXTENDED_NAME = re.compile(r"(?i)(streaming_history_(audio|video)|endsong|endvideo)")
_HEAD = 65_536


def _key(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb'"' + name + rb'"[ \t\r\n]*:')


_KINDS: list[tuple[Kind, tuple[re.Pattern[bytes], ...]]] = [
    ("extended", (_key(rb"ts"), _key(rb"ms_played"))),
    ("account_data", (_key(rb"endTime"), _key(rb"msPlayed"))),
]
_STARTS = [
    (b"%PDF", "is a PDF"),
    (b"PK", "is a zip"),
    (b"<", "is a web page, as a download that has expired gives; ask Spotify for the export again"),
    (b"\xff\xfe", "is a text in UTF-16, which Spotify does not write; save it as UTF-8"),
    (b"\xfe\xff", "is a text in UTF-16, which Spotify does not write; save it as UTF-8"),
]
# Members by which other files are known; the first that is found counts.
_OTHERS = [
    (_key(rb"titleUrl"), "is a YouTube history from Google"),
    (_key(rb"searchQuery"), "is the search history from Spotify's account data"),
    (_key(rb"playlists"), "is the playlists from Spotify's account data"),
    (_key(rb"inferences"), "is the inferences from Spotify's account data"),
    (_key(rb"(?:followerCount|userIsFollowing)"), "is the followers from Spotify's account data"),
    (_key(rb"(?:creationTime|email|birthdate)"), "is the profile from Spotify's account data"),
    (_key(rb"(?:bannedTracks|bannedArtists|shows)"), "is the library from Spotify's account data"),
    (_key(rb"(?:cursors|played_at)"), "is an answer of Spotify's Web API"),
    (_key(rb"(?:listened_at|recenttracks|scrobbles)"), "is a history of scrobbles"),
]


def is_named_like_a_history(name: str) -> bool:
    """Whether Spotify gives such names to files of listening history."""
    return _NAME_OF_A_HISTORY.search(name) is not None


def kind_of(payload: bytes, name: str = "") -> Kind | None:
    """Which kind of listening history these bytes are; None for anything else.

    An empty list says nothing of itself: its name decides.
    """
    body = payload.removeprefix(_BOM).lstrip(b" \t\r\n")
    if not body.startswith(b"["):
        return None
    for kind, keys in _KINDS:
        if all(key.search(body, 0, _HEAD) or key.search(body) for key in keys):
            return kind
    if is_named_like_a_history(name) and re.fullmatch(rb"\[[ \t\r\n]*\][ \t\r\n]*", body):
        return "extended" if _EXTENDED_NAME.search(name) else "account_data"
    return None


def what_it_is(payload: bytes) -> str:
    """What bytes that are no listening history are, as the rest of a sentence that began with the file's name."""
    body = payload.removeprefix(_BOM).lstrip()
    if not body:
        return "is empty"
    for start, said in _STARTS:
        if body.startswith(start):
            return said
    if not body.startswith((b"[", b"{")):
        return "is no JSON"
    head = body[:_HEAD]
    other = "is JSON of another kind" if body.startswith(b"{") else "is a list of something else"
    return next((said for key, said in _OTHERS if key.search(head)), other)
