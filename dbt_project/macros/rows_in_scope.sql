{#-
  Which rows of a relation the current build is about, written once and used three times: by models that replace
  their scope, by the deletion before, and by the tests of a tick.

  A scope is named in a model's `meta.scopes`; a row in any of its scopes is in. Each is a join from the (small) scope to
  an index of the relation, so that the work grows with what is new and not with what is stored.
-#}
{% macro scope_join(scope) -%}
    {%- if scope == 'days' -%}
        inner join staging.scope_days as scope
            on
                rows_of.user_id = scope.user_id
                and rows_of.played_at >= scope.starts_at
                and rows_of.played_at < scope.ends_at
    {%- elif scope == 'local_days' -%}
        inner join staging.scope_local_days as scope
            on
                rows_of.user_id = scope.user_id
                and rows_of.local_date = scope.local_date
    {%- elif scope == 'months' -%}
        inner join staging.scope_periods as scope
            on
                rows_of.user_id = scope.user_id
                and rows_of.month_start = scope.period_start
                and scope.period_kind = 'month'
    {%- elif scope == 'periods' -%}
        inner join staging.scope_periods as scope
            on
                rows_of.user_id = scope.user_id
                and rows_of.period_kind = scope.period_kind
                and rows_of.period_start = scope.period_start
    {%- elif scope == 'retold_tracks' -%}
        inner join {{ retold_tracks() }} as scope
            on rows_of.track_id = scope.track_id
    {%- elif scope == 'periods_of_retold_tracks' -%}
        inner join (
            select distinct
                periods.user_id,
                periods.period_kind,
                periods.period_start
            from intermediate.int_track_periods as periods
            inner join {{ retold_tracks() }} as tracks
                on periods.track_id = tracks.track_id
        ) as scope
            on
                rows_of.user_id = scope.user_id
                and rows_of.period_kind = scope.period_kind
                and rows_of.period_start = scope.period_start
    {%- elif scope == 'tracks' -%}
        inner join staging.scope_tracks as scope
            on rows_of.track_id = scope.track_id
    {%- elif scope == 'artists' -%}
        inner join staging.scope_artists as scope
            on rows_of.artist_id = scope.artist_id
    {%- else -%}
        {{ exceptions.raise_compiler_error('There is no scope called ' ~ scope) }}
    {%- endif -%}
{%- endmacro %}

{% macro rows_in_scope(relation, scopes) -%}
    (
        {% for scope in scopes -%}
        select rows_of.*
        from {{ relation }} as rows_of
        {{ scope_join(scope) }}
        {% if not loop.last %}union{% endif %}
        {% endfor -%}
    )
{%- endmacro %}

{#-
  Tracks of the scope whose title, length or artists differ from what the tops were last made with. Most changes of a track are
  none of these (its popularity, say), and must not cost a new ranking of every period in which it was played.
-#}
{% macro retold_tracks() -%}
    (
        select changed.track_id
        from staging.scope_tracks as changed
        left join intermediate.int_track_facts as facts
            on changed.track_id = facts.track_id
        left join intermediate.int_track_facts_applied as applied
            on changed.track_id = applied.track_id
        where
            (facts.track_id, facts.track_name, facts.duration_ms, facts.artist_ids, facts.artist_names)
            is distinct from
            (applied.track_id, applied.track_name, applied.duration_ms, applied.artist_ids, applied.artist_names)
    )
{%- endmacro %}
