"""The streams that the files of a listener's exports tell of, each once."""

from collections.abc import Iterable

import pandas as pd

from spotify_assets_tests.modelling.in_pandas.told import File

# Rows that agree in these are one stream.
SAME = ["ts", "content_key", "ms_played"]
# Of such rows that differ elsewhere the smallest in this order counts, nulls last.
ORDER = [
    "skipped", "shuffle", "offline", "incognito_mode", "platform", "conn_country", "reason_start", "reason_end",
    "offline_timestamp",
]  # fmt: skip
AWAY = {"fwdbtn", "backbtn", "clickrow", "clickside", "playbtn"}
BETWEEN = "\x1f"
# Under which name account data has what extended files tell.
ACCOUNT_DATA = {
    "endTime": "ts",
    "msPlayed": "ms_played",
    "artistName": "master_metadata_album_artist_name",
    "trackName": "master_metadata_track_name",
    "podcastName": "episode_show_name",
    "episodeName": "episode_name",
}
TEXTS = [
    "spotify_track_uri", "master_metadata_track_name", "master_metadata_album_artist_name",
    "master_metadata_album_album_name", "spotify_episode_uri", "episode_name", "episode_show_name", "audiobook_title",
    "audiobook_uri", "audiobook_chapter_uri", "audiobook_chapter_title", "platform", "conn_country", "reason_start",
    "reason_end",
]  # fmt: skip
TRACK = "spotify:track:"


def rows_of(files: Iterable[File]) -> pd.DataFrame:
    """All rows of all files, each with its file's name, lake key and kind."""
    frames = [
        pd.DataFrame(list(file.rows))
        .rename(columns=ACCOUNT_DATA if file.is_account_data else {})
        .assign(file=file.name, key=file.key, is_video=file.is_video, is_account_data=file.is_account_data)
        for file in files
    ]
    rows = pd.concat(frames, ignore_index=True)
    rows[TEXTS] = rows[TEXTS].astype(object).where(rows[TEXTS].notna(), None).replace({"": None})
    account = rows["is_account_data"].astype(bool)
    rows["ts"] = pd.to_datetime(rows["ts"].where(~account, rows["ts"] + ":00Z"), utc=True, format="ISO8601")
    rows["uri"] = _first(rows, "spotify_track_uri", "spotify_episode_uri", "audiobook_chapter_uri", "audiobook_uri")
    names = _first(rows, "master_metadata_album_artist_name", "episode_show_name").fillna("") + BETWEEN
    names += _first(rows, "master_metadata_track_name", "episode_name").fillna("")
    return rows.assign(content_key=rows["uri"].fillna("").where(~account, "name" + BETWEEN + names))


def _first(rows: pd.DataFrame, *columns: str) -> pd.Series:
    """The first of the columns that says something."""
    out = rows[columns[0]]
    for column in columns[1:]:
        out = out.where(out.notna(), rows[column])
    return out


def streams_of(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a stream that really happened."""
    rows = rows[~_is_covered(rows)].sort_values([*SAME, *ORDER], na_position="last", kind="stable")
    same = rows.groupby(SAME, sort=False)
    rows["copies"] = same["ts"].transform("size")
    rows["export_lake_key"] = same["key"].transform("min")
    rows["media"] = same["is_video"].transform("nunique")
    return _meanings(_audio_and_video(rows.drop_duplicates(SAME)).reset_index(drop=True))


def _is_covered(rows: pd.DataFrame) -> pd.Series:
    """Of account data what lies within an extended file of music."""
    within = pd.Series(data=False, index=rows.index)
    for _, file in rows[~rows["is_account_data"].astype(bool) & ~rows["is_video"].astype(bool)].groupby("key"):
        within |= rows["ts"].between(file["ts"].min(), file["ts"].max())
    return within & rows["is_account_data"].astype(bool)


def _audio_and_video(rows: pd.DataFrame) -> pd.DataFrame:
    """An audio and a video row of one end and content are one stream, with the longer time; the longest are paired."""
    is_one = (rows.groupby(["ts", "content_key"])["key"].transform("size") == 1) | (rows["media"] == 2)
    rest = rows[~is_one].sort_values("ms_played", ascending=False, kind="stable")
    place = rest.groupby(["ts", "content_key", "is_video"]).cumcount().rename("place")
    pairs = rest.groupby(["ts", "content_key", place], sort=False)
    keys = pairs["export_lake_key"].transform("min")
    rest = rest.assign(copies=pairs["copies"].transform("sum"), export_lake_key=keys)
    return pd.concat([rows[is_one], rest[pairs.cumcount() == 0]])


def _meanings(rows: pd.DataFrame) -> pd.DataFrame:
    """The columns that the marts are about, under their names."""
    is_track = rows["uri"].fillna("").str.startswith(TRACK)
    is_spoken = {"episode": ["spotify_episode_uri", "episode_name"], "audiobook": ["audiobook_uri", "audiobook_title"]}
    content = pd.Series("unknown", index=rows.index).mask(rows["master_metadata_track_name"].notna(), "track")
    for kind, columns in is_spoken.items():
        content = content.mask(rows[columns].notna().any(axis=1), kind)
    content = content.mask(rows["spotify_track_uri"].notna(), "unknown").mask(is_track, "track")
    names = ["master_metadata_track_name", "episode_name", "audiobook_chapter_title", "audiobook_title"]
    ms, extended = rows["ms_played"].astype("Int64"), ~rows["is_account_data"].astype(bool)
    ended_at = rows["ts"].astype("datetime64[us, UTC]")
    began_at = ended_at - pd.to_timedelta(ms, unit="ms")
    return pd.DataFrame({
        "content_type": content,
        "track_id": rows["uri"].str.removeprefix(TRACK).where(is_track, None),
        "content_key": rows["content_key"],
        "content_uri": rows["uri"],
        "title": _first(rows, *names),
        "artist_name": _first(rows, "master_metadata_album_artist_name", "episode_show_name", "audiobook_title"),
        "album": rows["master_metadata_album_album_name"],
        "ended_at": ended_at,
        "played_at": ended_at,
        "started_at": _started_at(began_at, rows["offline_timestamp"]).where(extended),
        "ms_played": ms,
        "says_skipped": rows["skipped"].astype("boolean"),
        "shuffle": rows["shuffle"].astype("boolean"),
        "offline": rows["offline"].astype("boolean"),
        "incognito": rows["incognito_mode"].astype("boolean"),
        "platform": rows["platform"],
        "conn_country": rows["conn_country"],
        "reason_start": rows["reason_start"],
        "reason_end": rows["reason_end"],
        "export_lake_key": rows["export_lake_key"],
        "copies": rows["copies"],
        "source": extended.map({True: "export", False: "account_data"}),
    })  # fmt: skip


def _started_at(began_at: pd.Series, device: pd.Series) -> pd.Series:
    """As the device says, in ms or s since 1970, where that is no more than a day before or 2 s after `began_at`."""
    ms = device.mask(device < 10**11, device * 1000)
    says = pd.to_datetime(ms.mask(ms > 10**13), unit="ms", utc=True).astype("datetime64[us, UTC]")
    early = began_at - says
    return says.where((early >= pd.Timedelta(seconds=-2)) & (early <= pd.Timedelta(days=1)), began_at)


def named_tracks(rows: pd.DataFrame) -> dict[str, dict[str, object]]:
    """What exports call each track: as the newest stream does."""
    names = {
        "master_metadata_track_name": "track_name",
        "master_metadata_album_artist_name": "artist",
        "master_metadata_album_album_name": "album",
    }
    tracks = rows[rows["uri"].fillna("").str.startswith(TRACK)].sort_values("ts").drop_duplicates("uri", keep="last")
    columns = tracks[[*names]].itertuples(index=False, name=None)
    called = [dict(zip(names.values(), told, strict=True)) for told in columns]
    return dict(zip(tracks["uri"].str.removeprefix(TRACK), called, strict=True))
