-- What Spotify hands out on request: every stream of a listener, and what each poll and each file prove to be complete.

alter table ops.raw_version add column stream_count bigint not null default 0;
comment on column ops.raw_version.stream_count is 'Rows of raw.streams, kept by the loads, so that no run has to count them.';

alter table ops.builds add column raw_rows bigint not null default 0;
comment on column ops.builds.raw_rows is 'Rows of raw.plays and raw.streams when it began: where most are new since, everything is built.';

create table raw.export_files (
    user_id text not null,
    file_hash text not null,
    kind text not null check (kind in ('extended', 'account_data')),
    rows_read integer not null,
    first_ts timestamptz(0),
    last_ts timestamptz(0),
    lake_key text not null,
    primary key (user_id, file_hash)
);
comment on table raw.export_files is 'One row a file of an export; file_hash is the first 12 digits of the SHA-256 of the landed bytes, rows_read counts those in quarantine too.';

create table raw.export_members (
    user_id text not null,
    export_hash text not null,
    file_hash text not null,
    name text not null,
    primary key (user_id, export_hash, file_hash, name)
);
comment on table raw.export_members is 'Which files an export consists of, and how Spotify named them there: an export is the set of its files.';

create table raw.streams (
    user_id text not null,
    file_hash text not null,
    file_row integer not null,
    ts timestamptz(0) not null,
    ms_played integer not null check (ms_played >= 0),
    track_uri text,
    track_name text,
    album_artist_name text,
    album_name text,
    episode_uri text,
    episode_name text,
    episode_show_name text,
    audiobook_uri text,
    audiobook_title text,
    audiobook_chapter_uri text,
    audiobook_chapter_title text,
    platform text,
    conn_country text,
    reason_start text,
    reason_end text,
    shuffle boolean,
    skipped boolean,
    offline boolean,
    offline_timestamp bigint,
    incognito_mode boolean,
    primary key (user_id, file_hash, file_row)
);
create index streams_by_time on raw.streams (user_id, ts);
comment on table raw.streams is 'One row a row of an export, as it stands there; ts is when the stream ENDED (in account data the minute, UTC), file_row counts from 1.';

create table raw.export_tracks (
    track_id text primary key,
    track_name text,
    album_artist_name text,
    album_name text,
    named_at timestamptz(0) not null
);
comment on table raw.export_tracks is 'What exports call a track, from the newest stream that names it: all that is known of tracks that no poll has shown.';

create table raw.polled_spans (
    user_id text primary key,
    spans tstzmultirange not null
);
comment on table raw.polled_spans is 'What polls prove: each answer is complete from its oldest play to the moment of asking.';

create view ops.enrichment_backlog as
select
    'track' as kind,
    named.track_id as id,
    count(*) as streams
from raw.export_tracks as named
inner join raw.streams as streams on streams.track_uri = 'spotify:track:' || named.track_id
where not exists (select from raw.tracks as known where known.track_id = named.track_id)
group by named.track_id;
comment on view ops.enrichment_backlog is 'Tracks of which nothing but a name in an export is known; most played first is `order by streams desc, id`.';

create index tracks_by_album on raw.tracks (album_id);

-- What the build under way is about, filled when it begins: how models find their share of the work in small tables.
-- Rows stay until a build finishes, so that one that was cut off is made good by the next.
create table ops.scope_windows (
    user_id text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    primary key (user_id, starts_at)
);
comment on table ops.scope_windows is 'Spans of time, disjoint for each listener, in which plays may have changed; no play outside can match a stream inside.';
create table ops.scope_local_days (
    user_id text not null,
    local_date date not null,
    primary key (user_id, local_date)
);
comment on table ops.scope_local_days is 'The local dates on which plays of ops.scope_windows can lie, in any time zone.';
create table ops.scope_periods (
    user_id text not null,
    period_kind text not null,
    period_start date not null,
    primary key (user_id, period_kind, period_start)
);
comment on table ops.scope_periods is 'The weeks, months, quarters, years and the all_time that hold a date of ops.scope_local_days.';
create table ops.scope_listener_tracks (
    user_id text not null,
    track_key text not null,
    primary key (user_id, track_key)
);
comment on table ops.scope_listener_tracks is 'Tracks that a listener had in ops.scope_windows before the build, or has now.';
create table ops.scope_tracks (
    track_id text primary key
);
comment on table ops.scope_tracks is 'Tracks whose own description changed, or that of their album or of one of its or their artists.';
create table ops.scope_artists (
    artist_id text primary key
);
comment on table ops.scope_artists is 'Artists whose description changed.';
