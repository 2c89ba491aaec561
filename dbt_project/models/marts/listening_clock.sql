{{ config(materialized='view') }}

{{ listening_by({
    'weekday': 'extract(isodow from local_date)::integer',
    'local_hour': 'local_hour',
}) }}
