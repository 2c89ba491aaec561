-- Which listener's week was told on Slack, so that no run tells it twice.

create table ops.weekly_digests (
    user_id text not null,
    week_start date not null,
    posted_at timestamptz not null,
    primary key (user_id, week_start)
);
comment on table ops.weekly_digests is 'One row a listener and week whose digest Slack took; written in the transaction that posts it.';
comment on column ops.weekly_digests.week_start is 'The Monday with which the week began, in the listener''s time zone.';
