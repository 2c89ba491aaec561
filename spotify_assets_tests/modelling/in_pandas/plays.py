"""The plays of a listener: what polls and exports tell, matched and measured, in the zone that counted."""

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from spotify_assets_tests.modelling.in_pandas.catalogue import Catalogue, compared
from spotify_assets_tests.modelling.in_pandas.places import zone_of
from spotify_assets_tests.modelling.in_pandas.streams import AWAY, BETWEEN
from spotify_assets_tests.modelling.in_pandas.told import Listener, Page

# What decides between pairs that share a side: rung, distance, times, ids.
Order = tuple[object, ...]
REACH = pd.Timedelta(minutes=1)
# The sort of device, by how its platform begins; the first that fits counts.
DEVICES = {
    "web_player": "web",
    "not_applicable": "unknown",
    "partner webos_tv": "tv",
    "partner google cast": "speaker",
    "partner android": "android",
    "partner sony_ps4": "console",
    "android": "android",
    "os x": "macos",
    "osx": "macos",
    "ios": "ios",
    "windows": "windows",
    "linux": "linux",
}


def device(platform: object) -> str:
    """The kind of device, as the marts name it; unknown where the export does not say."""
    if not isinstance(platform, str):
        return "unknown"
    return next((kind for start, kind in DEVICES.items() if re.match(start, platform.lower())), "other")


def polled(pages: Iterable[Page]) -> pd.DataFrame:
    """One row a play that polls reported, with the smallest lake key."""
    told = [
        {
            "played_at": item["played_at"],
            "track": track.get("id") or track["uri"],
            "context_uri": (item["context"] or {}).get("uri"),
            "fetched_at": page.fetched_at,
            "api_lake_key": page.key,
        }
        for page in pages
        for item in page.items
        for track in [item["track"]]
    ]
    rows = pd.DataFrame(told)
    rows["played_at"] = pd.to_datetime(rows["played_at"], utc=True, format="ISO8601").astype("datetime64[us, UTC]")
    key = ["played_at", "track"]
    newest = rows.sort_values("fetched_at").groupby(key)["context_uri"].last()
    keys: pd.DataFrame = rows.groupby(key)[["api_lake_key"]].min()
    return keys.join(newest).reset_index()


def matched(plays: pd.DataFrame, streams: pd.DataFrame, known: Catalogue) -> dict[int, int]:
    """The stream of each play that has one, by row: of all pairs the nearest first, each side once."""
    pairs = sorted(_candidates(plays, streams, known))
    taken: dict[int, int] = {}
    for _, play, stream in pairs:
        if play not in taken and stream not in taken.values():
            taken[play] = stream
    return taken


def _candidates(plays: pd.DataFrame, streams: pd.DataFrame, known: Catalogue) -> Iterator[tuple[Order, int, int]]:
    for number, play in enumerate(plays.to_dict("records")):
        at = play["played_at"]
        # Account data tells the minute in which a stream ended.
        near = streams[streams["ended_at"].between(at - REACH, at + REACH)]
        for place, stream in zip(near.index, near.to_dict("records"), strict=True):
            is_rough = stream["source"] == "account_data"
            if is_rough and not stream["ended_at"] <= at < stream["ended_at"] + REACH:
                continue
            if rung := _rung(str(play["track"]), stream, known):
                distance = pd.Timedelta(0) if is_rough else abs(stream["ended_at"] - at)
                order = (stream["ended_at"], at, play["track"], stream["content_key"], stream["ms_played"])
                yield (rung, distance, *order), number, place


def _rung(track: str, stream: Mapping[Hashable, Any], known: Catalogue) -> int | None:
    """1 the same URI, 2 the same ISRC, 3 the same title and artist of the album."""
    if stream["content_uri"] in {track, f"spotify:track:{track}"}:
        return 1
    isrcs = [known.tracks.get(str(each), {}).get("isrc") for each in (track, stream["track_id"])]
    if isrcs[0] is not None and isrcs[0] == isrcs[1]:
        return 2
    names = [compared(name) for name in (known.track_name(track), known.album_artist(track))]
    if None not in names and names == [compared(stream["title"]), compared(stream["artist_name"])]:
        return 3
    return None


def together(streams: pd.DataFrame, plays: pd.DataFrame, known: Catalogue) -> pd.DataFrame:
    """One row a stream that happened: the API's time, track and context where it saw it, all else the export's."""
    stream_of = matched(plays, streams, known)
    seen = plays.assign(stream=plays.index.map(stream_of))
    is_local = seen["track"].str.startswith("spotify:")
    seen = seen.assign(
        track_id=seen["track"].where(~is_local, None),
        content_uri=seen["track"].where(is_local, "spotify:track:" + seen["track"]),
        content_type=is_local.map({True: "unknown", False: "track"}),
    ).drop(columns="track")
    both = seen[seen["stream"].notna()].set_index("stream")
    streams = streams.assign(context_uri=None, api_lake_key=None)
    told = ["played_at", "track_id", "content_uri", "content_type", "context_uri", "api_lake_key"]
    streams.loc[both.index, told] = both[told]
    streams.loc[both.index, "source"] = "both"
    alone = seen[seen["stream"].isna()].assign(source="api", copies=0)
    return pd.concat([streams, alone.drop(columns="stream").reindex(columns=streams.columns)], ignore_index=True)


def measured(rows: pd.DataFrame, known: Catalogue) -> pd.DataFrame:
    """With what is counted and summed of each."""
    key = rows["track_id"].where(rows["track_id"].notna(), rows["content_uri"])
    lengths = key.map(lambda each: known.tracks.get(str(each), {}).get("duration_ms")).astype("Int64")
    ms = rows["ms_played"].astype("Int64")
    listened = ms.fillna(lengths.where(rows["source"] == "api"))
    reason = rows["reason_end"]
    done = reason.eq("trackdone").fillna(False).astype(bool)
    says = rows["says_skipped"].astype("boolean")
    skipped = (~done & (reason.isin(AWAY) | says.fillna(False).astype(bool))).astype("boolean")
    skipped = skipped.mask(reason.isna() & says.isna())
    counted = (ms >= 30_000).fillna(True)
    has_id = rows["track_id"].notna()
    named = "name" + BETWEEN + rows["artist_name"].fillna("") + BETWEEN + rows["title"]
    return rows.assign(
        track_key=rows["track_id"].where(has_id, named.where(rows["content_type"] == "track")),
        title=rows["title"].where(~has_id, None),
        artist_name=rows["artist_name"].where(~has_id, None),
        ms_played=ms,
        ms_listened=listened,
        ms_estimated=listened.where(ms.isna(), 0),
        plays_of_unknown_length=listened.isna().astype(int),
        is_counted=counted.astype(bool),
        plays=counted.astype(int),
        streams=1,
        is_completed=done.astype("boolean").mask(reason.isna()),
        is_skipped=skipped,
        completed=done.astype(int),
        skipped=skipped.fillna(False).astype(int),
        ends_known=skipped.notna().astype(int),
        device=rows["platform"].map(device),
        country=rows["conn_country"].fillna("unknown"),
        is_incognito=rows["incognito"].astype("boolean").fillna(False).astype(bool),
        # What is heard of it may be unknown.
        began_at=rows["played_at"] - pd.to_timedelta(listened.fillna(0), unit="ms"),
    )


def in_zones(rows: pd.DataFrame, listener: Listener) -> pd.DataFrame:
    """With the local date and hour of each stream's end."""
    local = pd.Series(pd.NaT, index=rows.index, dtype="datetime64[us]")
    zones = zone_of(listener, rows["played_at"])
    for zone in zones.unique():
        there = rows.loc[zones == zone, "played_at"].dt.tz_convert(zone).dt.tz_localize(None)
        local[zones == zone] = there.astype("datetime64[us]")
    return rows.assign(local_date=local.dt.normalize(), local_hour=local.dt.hour.astype("Int64"))
