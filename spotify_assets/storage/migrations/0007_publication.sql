-- What marts show of coverage and charts is built like all else: nothing below `intermediate` is read by who looks at them.

do $$
declare
    name text;
begin
    foreach name in array array['polled_spans', 'export_files', 'export_members'] loop
        execute format('drop policy listeners on raw.%I', name);
        execute format('alter table raw.%I disable row level security', name);
    end loop;
    if exists (select from pg_roles where rolname = 'reader') then
        revoke select on raw.polled_spans, raw.export_files, raw.export_members, raw.chart_entries from reader;
    end if;
end;
$$;

alter table ops.changed_ids drop constraint changed_ids_kind_check;
alter table ops.changed_ids add check (kind in ('track', 'album', 'artist', 'chart'));
create table ops.scope_charts (
    source text not null,
    chart text not null,
    primary key (source, chart)
);
comment on table ops.scope_charts is 'Series of charts of which a page changed: each is followed anew from its first chart.';

-- Which tracks a listener's role may look up in the dimensions, kept by the loads: nobody's question has to read all plays.
create table ops.heard (
    user_id text not null,
    track_id text not null,
    primary key (user_id, track_id)
);
comment on table ops.heard is 'The tracks in raw.plays and raw.streams of a listener, by the ids of dim_tracks.';

create function ops.hear() returns trigger language plpgsql as $$
begin
    if tg_table_name = 'plays' then
        insert into ops.heard (user_id, track_id)
        select distinct user_id, track_id
        from came
        on conflict do nothing;
    else
        insert into ops.heard (user_id, track_id)
        select distinct
            user_id,
            case when track_uri like 'spotify:track:%' then substr(track_uri, 15) else track_uri end
        from came
        where track_uri is not null
        on conflict do nothing;
    end if;
    return null;
end
$$;
create trigger hear after insert on raw.plays
referencing new table as came for each statement execute function ops.hear();
create trigger hear after insert on raw.streams
referencing new table as came for each statement execute function ops.hear();

insert into ops.heard (user_id, track_id)
select user_id, track_id from raw.plays
union
select user_id, case when track_uri like 'spotify:track:%' then substr(track_uri, 15) else track_uri end
from raw.streams
where track_uri is not null;

create or replace function ops.heard_tracks() returns setof text
language sql stable parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
    select track_id from ops.heard where user_id = any((select ops.own_listeners())::text[])
$$;

-- A role that is renamed stays confined: it is known by its number too. A number means nothing in a restored database,
-- where the name is what is left.
alter table ops.listener_roles add column role_oid oid;
update ops.listener_roles as confined set role_oid = roles.oid from pg_roles as roles where roles.rolname = confined.role_name;
comment on column ops.listener_roles.role_oid is 'The role''s number in Postgres, set by itself.';

create or replace function ops.names_a_login() returns trigger
language plpgsql
as $$
begin
    new.role_oid := (select oid from pg_roles where rolname = new.role_name and rolcanlogin);
    if new.role_oid is null and new.user_id <> '' then
        raise exception 'There is no login role called "%" on this server.', new.role_name
        using hint = 'Create the role first; its name is case-sensitive here, and that of a group does not count.';
    end if;
    return new;
end;
$$;
drop trigger names_a_login on ops.listener_roles;
create trigger names_a_login before insert or update on ops.listener_roles
for each row execute function ops.names_a_login();

create or replace function ops.reads_everybody() returns boolean
language sql stable parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
    select not exists (
        select
        from ops.listener_roles
        where role_name = session_user or role_oid = (select oid from pg_roles where rolname = session_user)
    )
$$;
create or replace function ops.own_listeners() returns text[]
language sql stable parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
    select coalesce(array_agg(user_id), '{}')
    from ops.listener_roles
    where role_name = session_user or role_oid = (select oid from pg_roles where rolname = session_user)
$$;

create or replace function ops.admit_readers() returns void
language plpgsql
as $$
begin
    create schema if not exists marts;
    if exists (select from pg_roles where rolname = 'reader') then
        grant usage on schema marts to reader;
        grant execute on function
            ops.reads_everybody(), ops.own_listeners(), ops.heard_tracks(), ops.heard_albums(), ops.heard_artists()
        to reader;
    end if;
end;
$$;
select ops.admit_readers();

-- What can't be an id is refused with a sentence, and a note is no reason to build.
create or replace function ops.take_exclusion() returns trigger language plpgsql as $$
declare
    linked text[] := regexp_match(
        trim(new.value),
        '^(?:https?://)?(?:open\.spotify\.com/(?:embed/)?(?:intl-[a-z-]+/)?(?:user/[^/]+/)?|spotify:(?:user:[^:]+:)?)'
        '(track|artist|playlist|album|episode|show|user)[/:]([A-Za-z0-9]+)'
    );
begin
    new.value := trim(new.value);
    if linked is not null and linked[1] <> new.kind then
        raise check_violation using message = format(
            'This is the link of a %s, and the rule is about a %s: correct its kind, or take the other link.', linked[1], new.kind
        );
    elsif linked is not null then
        new.value := linked[2];
    end if;
    if new.kind in ('track', 'artist', 'playlist') and new.value !~ '^[A-Za-z0-9_-]+$' and new.value not like 'spotify:local:%' then
        raise check_violation using message = format(
            '"%s" is no id of a %s: it has letters and digits only; a link or URI of it is taken too.', new.value, new.kind
        );
    end if;
    if new.starts_at not between '1970-01-01 00:00+00' and '2200-01-01 00:00+00'
        or new.ends_at not between '1970-01-01 00:00+00' and '2200-01-01 00:00+00' then
        raise check_violation
            using message = 'A rule''s times lie between 1970 and 2200; left out, they mean "from the beginning" and "without end".';
    end if;
    return new;
end
$$;

drop trigger note_exclusion on ops.exclusions;
create trigger note_exclusion after insert or delete on ops.exclusions
for each row execute function ops.note_exclusion();
create trigger note_changed_exclusion after update on ops.exclusions
for each row when (
    (old.user_id, old.kind, old.value, old.starts_at, old.ends_at)
    is distinct from (new.user_id, new.kind, new.value, new.starts_at, new.ends_at)
) execute function ops.note_exclusion();
-- exclusion_rules shows the note: one build, and no day of it.
create function ops.note_a_note() returns trigger language plpgsql as $$
begin
    update ops.raw_version set version = version + 1;
    return null;
end
$$;
create trigger note_a_note after update on ops.exclusions
for each row when (
    (old.user_id, old.kind, old.value, old.starts_at, old.ends_at)
    is not distinct from (new.user_id, new.kind, new.value, new.starts_at, new.ends_at)
    and old.note is distinct from new.note
) execute function ops.note_a_note();
