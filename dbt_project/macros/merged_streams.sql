{#-
  The streams that really happened among rows of stg_streams, each once: the CTE `merged`. `rows` names a CTE that holds, of each
  listener and `ended_at`, all rows or none.

  - Rows that agree in listener, end, content_key and ms_played are one stream, whether repeated in a file, across files or across
    exports. Of rows that differ elsewhere the smallest in the order below wins, nulls last.
  - An audio row and a video row of the same end and content are one stream, with the longer ms_played; where there
    are several of each, the longest are paired first.
  - Account data says nothing inside the span of an extended audio file. In the minutes in which such a file begins and
    ends, a row of the same title and artist is the same stream.
-#}
{% macro merged_streams(rows) -%}
    known_streams as (
        select rows.*
        from {{ rows }} as rows
        where
            rows.kind <> 'account_data'
            or not exists (
                select 1
                from {{ ref('stg_export_files') }} as files
                where
                    rows.user_id = files.user_id
                    and files.kind = 'extended'
                    and not files.is_video
                    and rows.ended_at >= date_trunc('minute', files.first_ended_at)
                    and rows.ended_at <= files.last_ended_at
                    and (
                        (
                            rows.ended_at > files.first_ended_at
                            and rows.ended_at + interval '1 minute' <= files.last_ended_at
                        )
                        or exists (
                            select 1
                            from {{ ref('stg_streams') }} as exact
                            where
                                rows.user_id = exact.user_id
                                and exact.kind = 'extended'
                                and exact.ended_at >= rows.ended_at
                                and exact.ended_at < rows.ended_at + interval '1 minute'
                                and {{ normalized('exact.title') }} = {{ normalized('rows.title') }}
                                and {{ normalized('exact.artist_name') }} = {{ normalized('rows.artist_name') }}
                        )
                    )
            )
    ),

    distinct_streams as (
        select distinct on (user_id, ended_at, content_key, ms_played)
            *,
            count(*) over same as copies_in_medium,
            bool_and(is_video) over same as is_in_video_only,
            bool_and(not is_video) over same as is_in_audio_only,
            min(lake_key collate "C") over same as lake_key_in_medium
        from known_streams
        window same as (partition by user_id, ended_at, content_key, ms_played)
        order by
            user_id asc,
            ended_at asc,
            content_key asc,
            ms_played asc,
            title collate "C" asc,
            artist_name collate "C" asc,
            album_name collate "C" asc,
            skipped asc,
            shuffle asc,
            is_offline asc,
            is_incognito asc,
            platform collate "C" asc,
            conn_country collate "C" asc,
            reason_start collate "C" asc,
            reason_end collate "C" asc,
            offline_timestamp asc,
            lake_key collate "C" asc,
            file_row asc
    ),

    placed as (
        select
            *,
            case
                when is_in_video_only or is_in_audio_only
                    then row_number() over (
                        partition by user_id, ended_at, content_key, is_in_video_only, is_in_audio_only
                        order by ms_played desc
                    )
                -- In both: a pair by itself.
                else -row_number() over (
                    partition by user_id, ended_at, content_key, is_in_video_only, is_in_audio_only
                    order by ms_played desc
                )
            end as place
        from distinct_streams
    ),

    merged as (
        select distinct on (user_id, ended_at, content_key, place)
            *,
            (sum(copies_in_medium) over one_stream)::integer as copies,
            min(lake_key_in_medium collate "C") over one_stream as export_lake_key
        from placed
        window one_stream as (partition by user_id, ended_at, content_key, place)
        order by user_id asc, ended_at asc, content_key asc, place asc, ms_played desc, is_in_video_only asc
    )
{%- endmacro %}
