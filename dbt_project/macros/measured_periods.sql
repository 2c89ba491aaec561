{#- Days and longer periods alike: what a listener had of a track. -#}
{% macro measured_periods() -%}
    (
        {% for model_name, kind, start in [
            ('track_days', "'day'", 'local_date'), ('track_periods', 'period_kind', 'period_start')
        ] -%}
        select
            user_id,
            {{ kind }} as period_kind,
            {{ start }} as period_start,
            track_key,
            streams,
            plays,
            ms_played,
            plays_of_unknown_length,
            completed,
            skipped,
            first_played_at,
            last_played_at
        from {{ ref(model_name) }}
        {% if not loop.last %}union all{% endif %}
        {% endfor %}
    )
{%- endmacro %}
