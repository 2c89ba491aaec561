-- Rules that leave plays out of what is summed, and delete nothing; and which sessions a build is about.

create table ops.exclusions (
    rule_id integer generated always as identity primary key,
    user_id text,
    kind text not null check (kind in ('track', 'artist', 'playlist', 'device', 'span', 'listener')),
    value text,
    starts_at timestamptz,
    ends_at timestamptz,
    note text,
    constraint "a track, artist, playlist or device needs a value, a span or listener none"
        check ((kind in ('span', 'listener')) = (value is null)),
    constraint "a span needs starts_at or ends_at" check (kind <> 'span' or starts_at is not null or ends_at is not null),
    constraint "a listener rule needs user_id" check (kind <> 'listener' or user_id is not null),
    constraint "starts_at comes before ends_at" check (starts_at < ends_at)
);
comment on table ops.exclusions is 'Plays that a rule fits stay in fct_plays, marked, and count nowhere. Without user_id a rule is for everybody; starts_at and ends_at (UTC, the end not included) limit rules of every kind.';
comment on column ops.exclusions.value is 'Of a track, artist or playlist Spotify''s id, or a link or URI, of which the id is kept; of a device the platform as fct_plays names it, in any case of letters.';

create function ops.take_exclusion() returns trigger language plpgsql as $$
declare
    linked text[] := regexp_match(
        new.value, '^(?:https?://open\.spotify\.com/(?:intl-[a-z-]+/)?|spotify:)(track|artist|playlist)[/:]([A-Za-z0-9]+)'
    );
begin
    if linked is not null then
        if linked[1] <> new.kind then
            raise check_violation using message = format(
                'This is the link of a %s, and the rule is about a %s: correct its kind, or take the other link.', linked[1], new.kind
            );
        end if;
        new.value := linked[2];
    end if;
    return new;
end
$$;
create trigger take_exclusion before insert or update on ops.exclusions
for each row execute function ops.take_exclusion();

-- What a rule may fit is built anew: the days of its listeners in its span.
create function ops.note_exclusion() returns trigger language plpgsql as $$
declare
    rule record;
    next_version bigint;
begin
    -- Loads hold this row: what they commit before us is seen below, and what comes later is built with the new rule.
    update ops.raw_version set version = version + 1 returning version into next_version;
    for rule in select (old).* where tg_op <> 'INSERT' union all select (new).* where tg_op <> 'DELETE' loop
        insert into ops.changed_days (version, user_id, utc_date)
        select distinct next_version, told.user_id, (told.at at time zone 'UTC')::date
        from (
            select user_id, played_at as at from raw.plays
            union all
            select user_id, ts from raw.streams
        ) as told
        where
            coalesce(told.user_id = rule.user_id, true)
            -- A stream and its play lie up to a minute apart.
            and coalesce(told.at >= rule.starts_at - interval '2 minutes', true)
            and coalesce(told.at < rule.ends_at + interval '2 minutes', true)
        on conflict do nothing;
    end loop;
    return null;
end
$$;
create trigger note_exclusion after insert or update or delete on ops.exclusions
for each row execute function ops.note_exclusion();

create table ops.scope_sessions (
    user_id text not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    primary key (user_id, starts_at)
);
comment on table ops.scope_sessions is 'Spans of time, disjoint for each listener and with silence around them, in which sessions may have changed.';
