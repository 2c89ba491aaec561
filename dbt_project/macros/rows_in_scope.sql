{#-
  Which rows of a relation the current build is about, written once and used three times: by models that replace
  their scope, by the deletion before, and by the tests of a tick.

  A scope is named in a model's `meta.scope`. It is one of the small tables ops.scope_*, which the program fills when a build
  begins (spotify_assets/modelling/scope.py). For each row of that the relation's index is looked up, so that the
  work grows with what is new and not with what is stored: `offset 0` keeps Postgres from making it a join, for which it
  would read the whole relation.
-#}
{% macro rows_in_scope(relation, scope) -%}
    {%- set tracks = 'inner join ops.scope_listener_tracks as touched using (user_id)' -%}
    {%- set lookups = {
        'windows': ('ops.scope_windows as scope', in_window('played_at')),
        'windows_of_streams': ('ops.scope_windows as scope', in_window('ended_at')),
        'local_days': ('ops.scope_local_days as scope', 'stored.local_date = scope.local_date'),
        'days_of_weeks': (scope_periods('week'), in_period('local_date', '7 days')),
        'days_of_months': (scope_periods('month'), in_period('local_date', '1 month')),
        'months': (scope_periods('month'), 'stored.month_start = scope.period_start'),
        'track_periods': (
            'ops.scope_periods as scope ' ~ tracks,
            'stored.track_key = touched.track_key and stored.period_kind = scope.period_kind '
            ~ 'and stored.period_start = scope.period_start',
        ),
        'months_of_quarters': (
            scope_periods('quarter') ~ ' ' ~ tracks, of_track('month') ~ ' and ' ~ in_period('period_start', '3 months')
        ),
        'quarters_of_years': (
            scope_periods('year') ~ ' ' ~ tracks, of_track('quarter') ~ ' and ' ~ in_period('period_start', '1 year')
        ),
        'years': (scope_periods('all_time') ~ ' ' ~ tracks, of_track('year')),
        'sessions': ('ops.scope_sessions as scope', in_span('started_at')),
        'plays_of_sessions': ('ops.scope_sessions as scope', in_span('played_at')),
        'listener_tracks': ('ops.scope_listener_tracks as scope', 'stored.track_key = scope.track_key'),
        'all': ('(select 1) as scope', 'true'),
        'tracks': ('ops.scope_tracks as scope', 'stored.track_id = scope.track_id'),
        'artists': ('ops.scope_artists as scope', 'stored.artist_id = scope.artist_id'),
        'albums': ('ops.scope_albums as scope', 'stored.album_id = scope.album_id'),
        'charts': ('ops.scope_charts as scope', 'stored.source = scope.source and stored.chart = scope.chart'),
    } -%}
    {%- if scope not in lookups -%}
        {{ exceptions.raise_compiler_error('There is no scope called ' ~ scope) }}
    {%- endif -%}
    (
        select looked_up.*
        from {{ lookups[scope][0] }}
        cross join lateral (
            select stored.*
            from {{ relation }} as stored
            where
                {% if scope not in ('tracks', 'artists', 'albums', 'charts', 'all') %}stored.user_id = scope.user_id and {% endif -%}
                {{ lookups[scope][1] }}
            offset 0
        ) as looked_up
    )
{%- endmacro %}

{#- What a model reads: all rows in a full build, those in scope in a tick. -#}
{% macro scoped(relation, scope) -%}
    {{ rows_in_scope(relation, scope) if is_incremental() else relation }}
{%- endmacro %}

{% macro scope_periods(kind) -%}
    (select * from ops.scope_periods where period_kind = '{{ kind }}') as scope
{%- endmacro %}

{% macro in_window(column) -%}
    stored.{{ column }} >= scope.starts_at and stored.{{ column }} < scope.ends_at
{%- endmacro %}

{% macro in_span(column) -%}
    stored.{{ column }} >= scope.starts_at and stored.{{ column }} <= scope.ends_at
{%- endmacro %}

{% macro in_period(column, length) -%}
    stored.{{ column }} >= scope.period_start
    and stored.{{ column }} < (scope.period_start + interval '{{ length }}')::date
{%- endmacro %}

{% macro of_track(kind) -%}
    stored.track_key = touched.track_key and stored.period_kind = '{{ kind }}'
{%- endmacro %}
