{#- Adds the tracks of the days that were just made to those that the build is about. -#}
{% macro touch_listener_tracks() -%}
    insert into ops.scope_listener_tracks (user_id, track_key)
    select distinct
        rows_of.user_id,
        rows_of.track_key
    from {{ this }} as rows_of
    {{ scope_join('local_days') }}
    on conflict do nothing
{%- endmacro %}
