-- What was played: whole descriptions from Spotify, genres from MusicBrainz, and the world's charts.

create table raw.chart_entries (
    source text not null,
    chart text not null,
    chart_date date not null,
    position smallint not null check (position > 0),
    date_is_fetch_day boolean not null,
    track_id text,
    source_id text,
    title text not null,
    artists text not null,
    artist_ids text[] not null,
    streams bigint,
    primary key (source, chart, chart_date, position)
);
comment on table raw.chart_entries is 'One row a position of a day''s chart, from the newest page of that date; series of different sources are never mixed.';
create index chart_entries_by_track on raw.chart_entries (track_id);

create table ops.chart_pages (
    lake_key text primary key,
    source text not null,
    chart text not null,
    chart_date date not null,
    fetched_at timestamptz not null
);
create index chart_pages_by_date on ops.chart_pages (source, chart, chart_date);
comment on table ops.chart_pages is 'One row a landed page of a chart: by it the day''s attempts know what came when.';

alter table raw.artist_versions
    add column image_url text,
    add column popularity integer,
    add column followers integer;
alter table raw.artists
    add column image_url text,
    add column popularity integer,
    add column followers integer;
alter table raw.album_versions
    add column label text,
    add column upc text;
alter table raw.albums
    add column label text,
    add column upc text;
-- By a hash, for it holds what Spotify calls an ISRC of any length; a tree takes 2,704 bytes, and refuses the row.
create index tracks_by_isrc on raw.tracks using hash (upper(replace(isrc, '-', '')));

create table ops.catalog_fetches (
    kind text not null check (kind in ('track', 'album', 'artist')),
    id text not null,
    fetched_at timestamptz not null,
    is_unknown boolean not null,
    primary key (kind, id)
);
comment on table ops.catalog_fetches is 'When Spotify last gave the whole of a thing, or said that there is none, so that nothing is asked twice in vain.';

create table raw.spotify_genres (
    artist_id text not null,
    genre text not null,
    primary key (artist_id, genre)
);
create table raw.musicbrainz_addresses (
    artist_id text not null,
    mbid text not null,
    primary key (artist_id, mbid)
);
comment on table raw.musicbrainz_addresses is 'Which MusicBrainz artists bear a Spotify artist''s address and bear it still; more than one says nothing.';
create table raw.musicbrainz_isrcs (
    isrc text not null,
    mbid text not null,
    name text not null,
    primary key (isrc, mbid)
);
comment on table raw.musicbrainz_isrcs is 'Whom MusicBrainz credits on the recordings of an ISRC.';
create table raw.musicbrainz_tags (
    mbid text not null,
    tag text not null,
    votes integer not null,
    primary key (mbid, tag)
);
comment on table raw.musicbrainz_tags is 'Tags of artists with their votes, CC BY-NC-SA 3.0, https://musicbrainz.org/doc/About/Data_License.';
create table raw.musicbrainz_genres (
    name text primary key
);
comment on table raw.musicbrainz_genres is 'Which tags are genres: MusicBrainz'' own list (CC0).';

create table ops.genre_answers (
    kind text not null check (kind in ('spotify', 'address', 'isrc', 'tags', 'genres')),
    id text not null,
    fetched_at timestamptz not null,
    primary key (kind, id)
);
comment on table ops.genre_answers is 'From when the loaded answer about each thing is: the newest wins as a whole, in any order of loading.';
create table ops.genre_lookups (
    kind text not null check (kind in ('address', 'isrc', 'tags')),
    id text not null,
    asked_at timestamptz not null,
    was_found boolean not null,
    primary key (kind, id)
);
comment on table ops.genre_lookups is 'When MusicBrainz was last asked about an artist''s address, an artist by ISRC, an MBID''s tags, and whether it knew.';

-- No part of it is written once and read twice: asked for one artist it looks at that artist's rows only.
create view raw.artist_mbids as
select artist_id, min(mbid) as mbid, 'address' as found_by
from raw.musicbrainz_addresses
group by artist_id
having count(*) = 1
union all
select credits.artist_id, min(named.mbid), 'isrc'
from raw.track_artists as credits
inner join raw.artists as artists on artists.artist_id = credits.artist_id
inner join raw.tracks as tracks on tracks.track_id = credits.track_id
inner join raw.musicbrainz_isrcs as named on named.isrc = upper(replace(tracks.isrc, '-', ''))
-- A name of signs only leaves nothing to compare, and equals no other.
where nullif(regexp_replace(lower(normalize(artists.name, nfkc)), '[^[:alnum:]]+', '', 'g'), '')
    = regexp_replace(lower(normalize(named.name, nfkc)), '[^[:alnum:]]+', '', 'g')
    and not exists (
        select from raw.musicbrainz_addresses as known where known.artist_id = credits.artist_id having count(*) = 1
    )
group by credits.artist_id
having count(distinct named.mbid) = 1;
comment on view raw.artist_mbids is 'The MusicBrainz artist of a Spotify artist: by its address, else by an ISRC and an equal name; more than one says nothing.';

create view raw.artist_genres as
select artist_id, 'spotify' as source, genre, null::integer as votes, 'Spotify Developer Terms' as licence
from raw.spotify_genres
union all
select linked.artist_id, 'musicbrainz', tags.tag, tags.votes, 'CC BY-NC-SA 3.0'
from raw.artist_mbids as linked
inner join raw.musicbrainz_tags as tags on tags.mbid = linked.mbid
where tags.votes > 0 and exists (select from raw.musicbrainz_genres as genres where genres.name = tags.tag);
comment on view raw.artist_genres is 'Genres of artists by source, with MusicBrainz'' votes and the licence; MusicBrainz'' are CC BY-NC-SA 3.0.';

-- What is wanted of Spotify: all that exports and charts mention; polled plays bring their tracks along.
drop view ops.enrichment_backlog;
create view ops.enrichment_backlog as
with mentioned as (
    select track_id from raw.export_tracks
    union
    select track_id from raw.chart_entries where track_id is not null
)
select 'track' as kind, mentioned.track_id as id
from mentioned
where not exists (select from raw.tracks as known where known.track_id = mentioned.track_id)
union all
select 'artist', artists.artist_id
from raw.artists as artists
where not exists (
    select from ops.catalog_fetches as f where f.kind = 'artist' and f.id = artists.artist_id
)
union all
select 'album', albums.album_id
from raw.albums as albums
where not exists (
    select from ops.catalog_fetches as f where f.kind = 'album' and f.id = albums.album_id
);
comment on view ops.enrichment_backlog is 'Tracks, artists and albums of which Spotify has not given the whole yet.';
