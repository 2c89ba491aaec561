{#-
  Which rows of a relation the current build is about, written once and used three times: by models that replace
  their scope, by the deletion before, and by the tests of a tick.

  A scope is named in a model's `meta.scope`. Each is a join from the small tables ops.scope_*, which the program fills when a
  build begins (spotify_assets/modelling/scope.py), to an index of the relation, so that the work grows with what is
  new and not with what is stored.
-#}
{% macro scope_join(scope) -%}
    {%- if scope == 'windows' -%}
        inner join ops.scope_windows as scope
            on
                rows_of.user_id = scope.user_id
                and rows_of.played_at >= scope.starts_at
                and rows_of.played_at < scope.ends_at
    {%- elif scope == 'windows_of_streams' -%}
        inner join ops.scope_windows as scope
            on
                rows_of.user_id = scope.user_id
                and rows_of.ended_at >= scope.starts_at
                and rows_of.ended_at < scope.ends_at
    {%- elif scope == 'local_days' -%}
        inner join ops.scope_local_days as scope
            on
                rows_of.user_id = scope.user_id
                and rows_of.local_date = scope.local_date
    {%- elif scope == 'months' -%}
        inner join ops.scope_periods as scope
            on
                rows_of.user_id = scope.user_id
                and rows_of.month_start = scope.period_start
                and scope.period_kind = 'month'
    {%- elif scope == 'track_periods' -%}
        inner join ops.scope_periods as scope
            on
                rows_of.user_id = scope.user_id
                and rows_of.period_kind = scope.period_kind
                and rows_of.period_start = scope.period_start
        inner join ops.scope_listener_tracks as touched
            on
                rows_of.user_id = touched.user_id
                and rows_of.track_key = touched.track_key
    {%- elif scope == 'tracks' -%}
        inner join ops.scope_tracks as scope
            on rows_of.track_id = scope.track_id
    {%- elif scope == 'artists' -%}
        inner join ops.scope_artists as scope
            on rows_of.artist_id = scope.artist_id
    {%- else -%}
        {{ exceptions.raise_compiler_error('There is no scope called ' ~ scope) }}
    {%- endif -%}
{%- endmacro %}

{% macro rows_in_scope(relation, scope) -%}
    (
        select rows_of.*
        from {{ relation }} as rows_of
        {{ scope_join(scope) }}
    )
{%- endmacro %}
