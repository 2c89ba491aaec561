{#-
  When a play began at the latest: its end less what was heard of it. A pause in the middle is not counted.
-#}
{% macro began_at(plays) -%}
    {{ plays }}.played_at - coalesce({{ plays }}.ms_listened, 0) * interval '1 millisecond'
{%- endmacro %}

{#-
  Which sessions this build is about, as spans of time: each window of new plays together with the sessions as they were
  that it touches, or comes so near that they may become one. Beyond such a span there is silence, longer than a session's gap.
-#}
{% macro touch_sessions() -%}
    delete from ops.scope_sessions;
    {% set sessions = this.incorporate(path={'identifier': 'sessions'}) -%}
    {% set gap = "interval '" ~ var('session_gap_minutes') ~ " minutes'" -%}
    insert into ops.scope_sessions (user_id, starts_at, ends_at)
    with windows as (
        select
            scope.user_id,
            scope.ends_at,
            least(
                scope.starts_at,
                (
                    select min({{ began_at('new') }})
                    from {{ this }} as new
                    where
                        scope.user_id = new.user_id
                        and new.played_at >= scope.starts_at
                        and new.played_at < scope.ends_at
                )
            ) as starts_at
        from ops.scope_windows as scope
    ),

    spans as (
        select
            windows.user_id,
            tstzrange(
                least(windows.starts_at, touched.starts_at),
                greatest(windows.ends_at, touched.ends_at) + {{ gap }},
                '[]'
            ) as span
        from windows
        left join lateral (
            select
                min(sessions.started_at) as starts_at,
                max(sessions.ended_at) as ends_at
            from {{ sessions }} as sessions
            where
                windows.user_id = sessions.user_id
                and sessions.ended_at >= windows.starts_at - {{ gap }}
                and sessions.started_at <= windows.ends_at + {{ gap }}
        ) as touched on true
    )

    select
        joined.user_id,
        lower(one.span),
        upper(one.span)
    from (
        select
            user_id,
            range_agg(span) as all_spans
        from spans
        group by user_id
    ) as joined
    cross join lateral unnest(joined.all_spans) as one (span)
{%- endmacro %}
