{#-
  How tops know a track: by its id, or, where only account data names it, by artist and title behind the word `name`.
-#}
{% macro track_key(track_id, content_type, artist_name, title) -%}
    coalesce(
        {{ track_id }},
        case
            when {{ content_type }} = 'track' and {{ title }} is not null
                then 'name' || chr(31) || coalesce({{ artist_name }}, '') || chr(31) || {{ title }}
        end
    )
{%- endmacro %}

{#- Milliseconds since 1970 of a moment, so that it can be part of a key. -#}
{% macro epoch_ms(moment) -%}
    (extract(epoch from {{ moment }}) * 1000)::bigint
{%- endmacro %}

{#- Whose track it is where nobody is credited by id: as dim_tracks says, else as account data names it. -#}
{% macro named_artist(tracks, measured) -%}
    coalesce({{ tracks }}.main_artist_name, nullif(split_part({{ measured }}.track_key, chr(31), 2), ''))
{%- endmacro %}

{#- A track's id, where it has one, its title and its first artist. -#}
{% macro named_track(tracks, measured) -%}
    case when {{ measured }}.track_key not like 'name' || chr(31) || '%' then {{ measured }}.track_key end as track_id,
    coalesce({{ tracks }}.track_name, nullif(split_part({{ measured }}.track_key, chr(31), 3), '')) as track_name,
    {{ named_artist(tracks, measured) }} as main_artist_name
{%- endmacro %}
