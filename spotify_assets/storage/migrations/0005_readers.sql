-- Who may read the marts: the role `reader`, and which listeners a login role is confined to.

create table ops.listener_roles (
    role_name text not null,
    user_id text not null,
    primary key (role_name, user_id)
);
comment on table ops.listener_roles is 'The listeners that a login role sees; a member of `reader` without a line here sees everybody. An empty user_id is nobody.';

-- A line under a name that nobody logs in with confines nobody: who was meant by it would see everybody.
create function ops.names_a_login() returns trigger
language plpgsql
as $$
begin
    if not exists (select from pg_roles where rolname = new.role_name and rolcanlogin) then
        raise exception 'There is no login role called "%" on this server.', new.role_name
        using hint = 'Create the role first; its name is case-sensitive here, and that of a group does not count.';
    end if;
    return new;
end;
$$;
create trigger names_a_login before insert or update on ops.listener_roles
for each row when (new.user_id <> '') execute function ops.names_a_login();

create table ops.scope_albums (
    album_id text primary key
);
comment on table ops.scope_albums is 'Albums whose own description changed, or that of one of their artists.';
create index album_artists_by_artist on raw.album_artists (artist_id);

-- What policies ask. `session_user` is who logged in, whatever `set role` says, and stays so in a function that runs
-- with its owner's rights. Nothing here reads what full builds swap, or readers and builds could wait for each other.
create function ops.reads_everybody() returns boolean
language sql stable parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
    select not exists (select from ops.listener_roles where role_name = session_user)
$$;
comment on function ops.reads_everybody() is 'Whether who asks is confined to no listener.';

create function ops.own_listeners() returns text[]
language sql stable parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(user_id), '{}') from ops.listener_roles where role_name = session_user
$$;
comment on function ops.own_listeners() is 'The listeners whom who asks is confined to.';

create function ops.heard_tracks() returns setof text
language sql stable parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
    select track_id from raw.plays where user_id = any((select ops.own_listeners())::text[])
    union
    select case when track_uri like 'spotify:track:%' then substr(track_uri, 15) else track_uri end
    from raw.streams
    where user_id = any((select ops.own_listeners())::text[]) and track_uri is not null
$$;
comment on function ops.heard_tracks() is 'The tracks of ops.own_listeners(), by the ids of dim_tracks.';

create function ops.heard_albums() returns setof text
language sql stable parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
    select distinct album_id from raw.tracks where track_id in (select ops.heard_tracks()) and album_id is not null
$$;
comment on function ops.heard_albums() is 'The albums of ops.heard_tracks().';

create function ops.heard_artists() returns setof text
language sql stable parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
    select artist_id from raw.track_artists where track_id in (select ops.heard_tracks())
    union
    select artist_id from raw.album_artists where album_id in (select ops.heard_albums())
$$;
comment on function ops.heard_artists() is 'The artists of ops.heard_tracks() and of their albums.';

revoke execute on function
    ops.reads_everybody(), ops.own_listeners(), ops.heard_tracks(), ops.heard_albums(), ops.heard_artists()
from public;

-- What marts.coverage looks at; dbt gives the marts' own tables the same policy (dbt_project/macros/protect.sql).
do $$
declare
    name text;
begin
    foreach name in array array['polled_spans', 'export_files', 'export_members'] loop
        execute format('alter table raw.%I enable row level security', name);
        execute format(
            'create policy listeners on raw.%I for select using '
            '((select ops.reads_everybody()) or user_id = any((select ops.own_listeners())::text[]))',
            name
        );
    end loop;
end;
$$;

-- Views run with the rights of who asks, who so needs them on what the views read, down to `raw`; without usage of its
-- schema nobody can name these tables, or call these functions.
create function ops.admit_readers() returns void
language plpgsql
as $$
begin
    create schema if not exists marts;
    if exists (select from pg_roles where rolname = 'reader') then
        grant usage on schema marts to reader;
        grant select on raw.polled_spans, raw.export_files, raw.export_members, raw.chart_entries to reader;
        grant execute on function
            ops.reads_everybody(), ops.own_listeners(), ops.heard_tracks(), ops.heard_albums(), ops.heard_artists()
        to reader;
    end if;
end;
$$;
comment on function ops.admit_readers() is 'Grants `reader`, where there is such a role, all that it needs but the models themselves; full builds call it.';
revoke execute on function ops.admit_readers() from public;

-- A role is the whole server's: another database of it may be making it just now.
do $$
begin
    if not exists (select from pg_roles where rolname = 'reader') then
        create role reader nologin;
    end if;
exception
    when duplicate_object or unique_violation then
        null;
    when insufficient_privilege then
        raise notice 'The role reader is not there and can''t be made by %; docs/operations.md says what to do.', current_user;
end;
$$;
select ops.admit_readers();
