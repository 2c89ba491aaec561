{#- What is counted and summed of plays, in every roll-up alike; `{{ added_up() }}` sums it on. -#}
{% macro measures_of_plays() -%}
    count(*)::integer as streams,
    (count(*) filter (where is_counted))::integer as plays,
    coalesce(sum(ms_listened), 0)::bigint as ms_listened,
    coalesce(sum(ms_listened) filter (where ms_played is null), 0)::bigint as ms_estimated,
    (count(*) filter (where ms_listened is null))::integer as plays_of_unknown_length,
    (count(*) filter (where is_completed))::integer as completed,
    (count(*) filter (where is_skipped))::integer as skipped,
    (count(*) filter (where is_skipped is not null))::integer as ends_known,
    min(played_at) as first_played_at,
    max(played_at) as last_played_at
{%- endmacro %}

{#- Their names, and those of the dates that periods keep beside them. -#}
{% macro measures(of='') -%}
    {% for name in [
        'streams', 'plays', 'ms_listened', 'ms_estimated', 'plays_of_unknown_length', 'completed', 'skipped', 'ends_known',
        'first_played_at', 'last_played_at', 'first_local_date', 'last_local_date', 'days',
    ] -%}
    {{ of }}{{ name }}{{ ', ' if not loop.last }}
    {%- endfor %}
{%- endmacro %}

{% macro added_up(dates=false) -%}
    sum(streams)::integer as streams,
    sum(plays)::integer as plays,
    sum(ms_listened)::bigint as ms_listened,
    sum(ms_estimated)::bigint as ms_estimated,
    sum(plays_of_unknown_length)::integer as plays_of_unknown_length,
    sum(completed)::integer as completed,
    sum(skipped)::integer as skipped,
    sum(ends_known)::integer as ends_known,
    min(first_played_at) as first_played_at,
    max(last_played_at) as last_played_at
    {%- if dates %},
    min(first_local_date) as first_local_date,
    max(last_local_date) as last_local_date,
    sum(days)::integer as days
    {%- endif %}
{%- endmacro %}

{#- Whether what was once new was still heard some weeks later; null where that can't be known yet. -#}
{% macro has_stayed(heard) -%}
    case
        when {{ heard }}.last_local_date >= {{ heard }}.first_local_date + {{ var('stay_days') }} then true
        when {{ heard }}.listener_until >= {{ heard }}.first_local_date + {{ var('stay_days') }} then false
    end
{%- endmacro %}
