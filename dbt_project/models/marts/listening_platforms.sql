{{ config(materialized='view') }}

{{ listening_by({'platform': 'platform'}) }}
