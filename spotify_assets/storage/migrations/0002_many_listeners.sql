-- What many listeners under one budget need: every call on record, what the app may do, dated time zones.

alter table ops.listeners add column polled_at timestamptz;
comment on column ops.listeners.polled_at is 'When Spotify last answered a poll of this listener.';

alter table ops.tokens add column consent_is_known boolean not null default true;
comment on column ops.tokens.consent_is_known is 'False where the token came from the environment: consented_at is then when it was first seen.';
-- Only a login that came from the environment has no account.
update ops.tokens
set consent_is_known = false
from ops.listeners
where listeners.user_id = tokens.user_id and listeners.account_id is null;

create table ops.listener_time_zones (
    user_id text not null,
    valid_from date not null,
    time_zone text not null,
    primary key (user_id, valid_from)
);
comment on table ops.listener_time_zones is 'Dated changes: from local midnight of valid_from on this zone counts, before the first of them ops.listeners.time_zone.';

create table ops.unconnected_listeners (
    user_id text primary key,
    account_id text unique,
    display_name text,
    time_zone text not null,
    removed_at timestamptz
);
comment on table ops.unconnected_listeners is 'Whose history is here without a login: who was removed, or (removed_at is null) only ever imported. A login takes the row back.';

create table ops.spent_seeds (
    token_digest text primary key
);
comment on table ops.spent_seeds is 'A one-way digest of each SPOTIFY_REFRESH_TOKEN that was seen: it makes a listener once, and not again after a removal.';

create table ops.requests (
    request_id bigint generated always as identity primary key,
    api_url text not null,
    purpose text not null check (purpose in ('polling', 'charts', 'enrichment', 'connection')),
    user_id text,
    asked_at timestamptz not null,
    ended_at timestamptz
);
create index requests_by_time on ops.requests (api_url, asked_at);
comment on table ops.requests is 'One row for each call to the Web API, written before it is made, and kept for a week; ended_at is null while it is under way.';

create table ops.rate_windows (
    api_url text primary key,
    most integer not null check (most > 0),
    learnt_at timestamptz not null
);
comment on table ops.rate_windows is 'How many calls in 30 seconds were too many when Spotify last said so.';

create table ops.capabilities (
    api_url text not null,
    name text not null,
    is_allowed boolean not null,
    found_at timestamptz not null,
    primary key (api_url, name)
);
comment on table ops.capabilities is 'What the app was found to be allowed, such as tracks_batch; forgotten after a day.';
