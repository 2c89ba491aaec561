{#- Adds the tracks of the windows that were just made to those that the build is about. -#}
{% macro touch_listener_tracks() -%}
    insert into ops.scope_listener_tracks (user_id, track_key)
    select distinct
        user_id,
        track_key
    from {{ rows_in_scope(this, 'windows') }} as rows_of
    where track_key is not null
    on conflict do nothing
{%- endmacro %}
