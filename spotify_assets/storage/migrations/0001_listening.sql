-- Schemas and the first tables. Applied once, in one transaction, by storage/migrations.py.
-- `raw` holds typed rows that the lake can rebuild: no column there says when a row was loaded.
-- `ops` holds how the work goes; only there are such columns allowed.

create schema raw;
create schema ops;

create table ops.listeners (
    user_id text primary key check (user_id ~ '^[a-z0-9][a-z0-9_-]{0,31}$'),
    account_id text unique,
    display_name text,
    time_zone text not null default 'UTC',
    api_url text not null,
    status text not null check (status in ('connected', 'needs_login')),
    status_reason text,
    connected_at timestamptz not null
);
comment on column ops.listeners.api_url is 'The Web API that this login belongs to; a simulated login never reaches Spotify.';

create table ops.tokens (
    user_id text primary key references ops.listeners on delete cascade,
    refresh_token bytea not null,
    access_token bytea,
    access_expires_at timestamptz,
    scope text,
    consented_at timestamptz not null,
    refreshed_at timestamptz
);
comment on table ops.tokens is 'Fernet-encrypted; a refresh holds the row''s lock and commits before the token is used.';

create table ops.blocks (
    api_url text primary key,
    blocked_until timestamptz not null,
    reason text not null
);
comment on table ops.blocks is 'Until when Spotify has told this app to stay away.';

create table ops.landed_objects (
    lake_key text primary key,
    dataset text not null,
    user_id text,
    fetched_at timestamptz not null,
    loaded_version bigint,
    rows_read integer,
    rows_quarantined integer,
    first_played_at timestamptz,
    last_played_at timestamptz
);
create index landed_objects_by_day on ops.landed_objects (dataset, fetched_at);

create table ops.spool (
    lake_key text primary key,
    body bytea not null,
    spooled_at timestamptz not null
);
comment on table ops.spool is 'Payloads that could not be landed; they move to the lake at the next tick.';

-- One row: the version of `raw`. A load that changes a row of `raw` takes the next version under this row's lock, so
-- versions become visible in their own order.
create table ops.raw_version (
    only_row boolean primary key default true check (only_row),
    version bigint not null,
    play_count bigint not null
);
insert into ops.raw_version (version, play_count) values (0, 0);
comment on column ops.raw_version.play_count is 'Rows of raw.plays, kept by the loads, so that no tick has to count them.';

-- What each version changed, kept until a finished build has covered it.
create table ops.changed_days (
    version bigint not null,
    user_id text not null,
    utc_date date not null,
    primary key (version, user_id, utc_date)
);
create table ops.changed_ids (
    version bigint not null,
    kind text not null check (kind in ('track', 'album', 'artist')),
    id text not null,
    primary key (version, kind, id)
);

create table ops.builds (
    build_id bigint generated always as identity primary key,
    from_version bigint not null,
    to_version bigint not null,
    code_hash text not null,
    is_full boolean not null,
    started_at timestamptz not null,
    finished_at timestamptz,
    run_id text
);
comment on table ops.builds is 'One row a dbt build: raw versions (from_version, to_version]; finished_at is null until marts are complete.';

create table raw.plays (
    user_id text not null,
    played_at timestamptz(3) not null,
    track_id text not null,
    context_type text,
    context_uri text,
    lake_key text not null,
    primary key (user_id, played_at, track_id)
);
comment on table raw.plays is 'One row a play that the API reported; played_at is its END, in milliseconds; a local file is keyed by its URI.';
create index plays_by_track on raw.plays (track_id);

create table ops.play_contexts (
    user_id text not null,
    played_at timestamptz(3) not null,
    track_id text not null,
    fetched_at timestamptz not null,
    primary key (user_id, played_at, track_id)
);
comment on table ops.play_contexts is 'Fetch time of the context that raw.plays shows, so that the newest fetch wins in any order of loading.';

create table raw.track_versions (
    track_id text not null,
    content_hash text not null,
    valid_from timestamptz not null,
    lake_key text not null,
    name text,
    duration_ms integer,
    explicit boolean,
    isrc text,
    popularity integer,
    is_local boolean,
    album_id text,
    disc_number integer,
    track_number integer,
    artist_ids text[],
    primary key (track_id, content_hash)
);
create table raw.album_versions (
    album_id text not null,
    content_hash text not null,
    valid_from timestamptz not null,
    lake_key text not null,
    name text,
    album_type text,
    release_date text,
    release_date_precision text,
    total_tracks integer,
    image_url text,
    artist_ids text[],
    primary key (album_id, content_hash)
);
create table raw.artist_versions (
    artist_id text not null,
    content_hash text not null,
    valid_from timestamptz not null,
    lake_key text not null,
    name text,
    primary key (artist_id, content_hash)
);
comment on table raw.track_versions is 'What was ever said of a track: one row for each different content; valid_from is the fetch time that said it first.';

create table ops.version_sightings (
    kind text not null,
    id text not null,
    content_hash text not null,
    last_fetched_at timestamptz not null,
    primary key (kind, id, content_hash)
);
comment on table ops.version_sightings is 'When each version was last seen, so that the newest fetch wins in any order of loading.';

create table raw.tracks (
    track_id text primary key,
    name text,
    duration_ms integer,
    explicit boolean,
    isrc text,
    popularity integer,
    is_local boolean,
    album_id text,
    disc_number integer,
    track_number integer
);
create table raw.albums (
    album_id text primary key,
    name text,
    album_type text,
    release_date text,
    release_date_precision text,
    total_tracks integer,
    image_url text
);
create table raw.artists (
    artist_id text primary key,
    name text
);
create table raw.track_artists (
    track_id text not null,
    position smallint not null,
    artist_id text not null,
    primary key (track_id, position)
);
create index track_artists_by_artist on raw.track_artists (artist_id);
create table raw.album_artists (
    album_id text not null,
    position smallint not null,
    artist_id text not null,
    primary key (album_id, position)
);

create table raw.quarantine (
    lake_key text not null,
    position text not null,
    reason text not null,
    content text,
    primary key (lake_key, position)
);
comment on table raw.quarantine is 'What could not be read: where it lies in which object, and why. A replay that can read it removes the row.';
