{{ config(materialized='view') }}

{{ listening_by({'conn_country': 'conn_country'}) }}
