"""The streams of an export, as a listener of one time zone sees them."""

import json
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import pandas as pd

# Rows that agree in these are one stream.
SAME = ["ts", "uri", "ms_played"]
# Of such rows that differ elsewhere the smallest in this order counts, nulls last.
ORDER = [
    "skipped", "shuffle", "offline", "incognito_mode", "platform", "conn_country", "reason_start", "reason_end",
    "offline_timestamp",
]  # fmt: skip
AWAY = {"fwdbtn", "backbtn", "clickrow", "clickside", "playbtn"}
# Which kind of device a platform is, by how it begins; the first that fits counts.
DEVICES = {
    "web_player": "web",
    "not_applicable": "unknown",
    "partner webos_tv": "tv",
    "partner google cast": "speaker",
    "partner android": "android",
    "android": "android",
    "os x": "macos",
    "osx": "macos",
}


def device(platform: str) -> str:
    """The kind of device, as the marts name it; unknown where the export does not say."""
    return next((kind for start, kind in DEVICES.items() if platform.lower().startswith(start)), "other")


def read_export(path: Path) -> pd.DataFrame:
    """All rows of all files, each with its file's name."""
    with ZipFile(path) as archive:
        files = {name: json.loads(archive.read(name)) for name in archive.namelist()}
    rows = pd.concat([pd.DataFrame(rows).assign(file=name) for name, rows in files.items()], ignore_index=True)
    rows["uri"] = rows["spotify_track_uri"].fillna(rows["spotify_episode_uri"])
    return rows


def streams_of(rows: pd.DataFrame, keys: Mapping[str, str]) -> pd.DataFrame:
    """One row a stream; `keys` are the lake keys of the files.

    Of rows that differ elsewhere the smallest counts.
    """
    rows = rows.assign(key=rows["file"].map(keys)).replace({"reason_start": "", "reason_end": ""}, None)
    rows = rows.sort_values([*SAME, *ORDER], na_position="last", kind="stable")
    same = rows.groupby(SAME, dropna=False, sort=False)
    rows["copies"] = same["ts"].transform("size")
    rows["export_lake_key"] = same["key"].transform("min")
    return _meanings(rows.drop_duplicates(SAME).reset_index(drop=True))


def _meanings(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns that the marts are about, under their names."""
    is_track, is_episode = rows["spotify_track_uri"].notna(), rows["spotify_episode_uri"].notna()
    ends_at = pd.to_datetime(rows["ts"], utc=True).astype("datetime64[us, UTC]")
    began_at = ends_at - pd.to_timedelta(rows["ms_played"], unit="ms")
    reason = rows["reason_end"]
    done, skipped = reason.eq("trackdone").fillna(False).astype(bool), rows["skipped"].astype("boolean")
    was_skipped = (~done & (reason.isin(AWAY) | skipped.fillna(False).astype(bool))).astype("boolean")
    was_skipped = was_skipped.mask(reason.isna() & skipped.isna())
    counted = rows["ms_played"] >= 30_000
    return pd.DataFrame({
        "content_type": is_track.map({True: "track", False: "unknown"}).mask(is_episode, "episode"),
        "track_id": rows["spotify_track_uri"].str.removeprefix("spotify:track:"),
        "content_uri": rows["uri"],
        "title": rows["episode_name"],
        "artist_name": rows["episode_show_name"],
        "track_name": rows["master_metadata_track_name"],
        "artist": rows["master_metadata_album_artist_name"],
        "album": rows["master_metadata_album_album_name"],
        "played_at": ends_at,
        "began_at": began_at,
        "started_at": _started_at(began_at, rows["offline_timestamp"]),
        "ms_played": rows["ms_played"],
        "ms_listened": rows["ms_played"],
        "ms_estimated": 0,
        "plays_of_unknown_length": 0,
        "is_counted": counted,
        "plays": counted.astype(int),
        "streams": 1,
        "skipped_says": skipped,
        "is_completed": done.astype("boolean").mask(reason.isna()),
        "is_skipped": was_skipped,
        "completed": done.astype(int),
        "skipped": was_skipped.fillna(False).astype(int),
        "ends_known": was_skipped.notna().astype(int),
        "shuffle": rows["shuffle"].astype("boolean"),
        "offline": rows["offline"].astype("boolean"),
        "incognito": rows["incognito_mode"].astype("boolean"),
        "platform": rows["platform"],
        "device": rows["platform"].map(device),
        "conn_country": rows["conn_country"],
        "reason_start": rows["reason_start"],
        "reason_end": rows["reason_end"],
        "export_lake_key": rows["export_lake_key"],
        "copies": rows["copies"],
    })  # fmt: skip


def _started_at(began_at: pd.Series, device: pd.Series) -> pd.Series:
    """As the device says, in ms or s since 1970, where that is no more than a day before or 2 s after `began_at`."""
    ms = device.mask(device < 10**11, device * 1000)
    says = pd.to_datetime(ms.mask(ms > 10**13), unit="ms", utc=True).astype("datetime64[us, UTC]")
    early = began_at - says
    return says.where((early >= pd.Timedelta(seconds=-2)) & (early <= pd.Timedelta(days=1)), began_at)


def in_zone(streams: pd.DataFrame, zone: str) -> pd.DataFrame:
    """With the local date and hour of each stream's end."""
    local = streams["played_at"].dt.tz_convert(zone).dt.tz_localize(None)
    return streams.assign(
        local_date=local.dt.normalize().astype("datetime64[us]"), local_hour=local.dt.hour.astype("Int64")
    )
