"""Asset checks on models that say whether the sums along the way agree: from `raw` to the longest periods.

Models are built piece by piece, so a piece that was forgotten would show in no test of rows. Each check compares a
model with what it was made from, added up anew for each listener and month. They read whole tables, so ticks leave them
out. Each is one statement and so sees one moment: while a build is under way, or raw is ahead, nothing is compared.
"""

import dagster as dg

from spotify_assets.questions import About, Question, answer, what_to_expect
from spotify_assets.storage.warehouse import Warehouse

_SETTLED = """
    with finished as (
        select max(build_id) as build_id
        from ops.builds
        where finished_at is not null
    ),
    settled as (
        select builds.build_id
        from ops.builds as builds
        inner join finished using (build_id)
        inner join ops.raw_version as raw on raw.version = builds.to_version
        where not exists (select from ops.builds as later where later.build_id > finished.build_id)
    )
"""
ABOUT = About(_SETTLED, {}, "the last finished build; while another is needed or under way, nothing is compared")
_MENDS = "`delete from ops.builds` and the next tick make all models anew; please report it, for it should not happen."


def _agree(name: str, whole: str, part: str, *, that: str, whose: str) -> Question:
    """Two queries that give (listener, month, figures …) give the same rows."""
    return Question(
        name=name,
        description=that,
        query=f"""
            select user_id, month_start, 'missing or other' as what
            from ({whole} except {part}) as lost, settled
            union all
            select user_id, month_start, 'too much or other'
            from ({part} except {whole}) as added, settled
            order by user_id, month_start, what
        """,
        columns=("listener", "month", "what"),
        found=f"{{count}} months of listeners in {whose} are not what they were made from; {_MENDS}",
        severity=dg.AssetCheckSeverity.ERROR,
        tells_of_listening=False,
    )


_FIGURES = (
    "sum(streams)::bigint, sum(plays)::bigint, sum(ms_listened)::bigint, min(first_played_at), max(last_played_at)"
)
_FIGURES_OF_PLAYS = (
    "count(*), count(*) filter (where is_counted), coalesce(sum(ms_listened), 0)::bigint, "
    "min(played_at), max(played_at)"
)


def _by_month(figures: str, relation: str, condition: str = "true", day: str = "local_date") -> str:
    return f"""
        select user_id, date_trunc('month', {day}::timestamp)::date as month_start, {figures}
        from {relation}
        where {condition}
        group by 1, 2
    """


_OF_PLAYS = "not is_excluded"
# As the models name a track: by its id, or by a title.
_OF_TRACKS = f"{_OF_PLAYS} and (track_id is not null or (content_type = 'track' and title is not null))"

QUESTIONS = {
    "int_plays": (
        Question(
            name="all_that_was_told_is_there",
            description="Each play of a poll is one row, and each row of an extended export is counted in one.",
            query="""
                select told.user_id, told.plays, built.of_polls, told.extended_rows, built.copies, told.rows
                from (
                    select
                        user_id,
                        sum(plays) as plays,
                        sum(extended_rows) as extended_rows,
                        sum(rows) as rows
                    from (
                        select user_id, count(*) as plays, 0 as extended_rows, 0 as rows
                        from raw.plays
                        group by user_id
                        union all
                        select
                            streams.user_id,
                            0,
                            count(*) filter (where files.kind = 'extended'),
                            count(*)
                        from raw.streams as streams
                        inner join raw.export_files as files using (user_id, file_hash)
                        group by streams.user_id
                    ) as parts
                    group by user_id
                ) as told
                full join (
                    select user_id, count(*) filter (where source in ('api', 'both')) as of_polls, sum(copies) as copies
                    from intermediate.int_plays
                    group by user_id
                ) as built using (user_id)
                cross join settled
                where (
                    told.plays = built.of_polls and built.copies between told.extended_rows and told.rows
                ) is not true
            """,
            columns=("listener", "polled plays", "built of them", "extended rows", "counted rows", "all rows"),
            found=f"{{count}} listeners have plays in raw that no row tells of; {_MENDS}",
            severity=dg.AssetCheckSeverity.ERROR,
            tells_of_listening=False,
        ),
    ),
    "fct_plays": (
        _agree(
            "sums_are_those_of_int_plays",
            _by_month(_FIGURES_OF_PLAYS, "intermediate.int_plays"),
            _by_month(_FIGURES_OF_PLAYS, "marts.fct_plays"),
            that="For each listener and month there are as many plays, as long ones, as in int_plays.",
            whose="marts.fct_plays",
        ),
    ),
    "reconciliation": (
        _agree(
            "sums_are_those_of_fct_plays",
            _by_month(
                "count(*) filter (where source = 'both'), count(*) filter (where source = 'api'), "
                "count(*) filter (where source = 'export'), count(*) filter (where source = 'account_data')",
                "marts.fct_plays",
            ),
            "select user_id, month_start, matched::bigint, api_only::bigint, export_only::bigint, "
            "account_data_only::bigint from marts.reconciliation",
            that="For each listener and month polls and exports tell of as many plays as fct_plays has of them.",
            whose="marts.reconciliation",
        ),
    ),
    "listening_hours": (
        _agree(
            "sums_are_those_of_fct_plays",
            _by_month(_FIGURES_OF_PLAYS, "marts.fct_plays", _OF_PLAYS),
            _by_month(_FIGURES, "marts.listening_hours"),
            that="For each listener and month the hours add up to what fct_plays has, but for what rules leave out.",
            whose="marts.listening_hours",
        ),
    ),
    "track_days": (
        _agree(
            "sums_are_those_of_fct_plays",
            _by_month(_FIGURES_OF_PLAYS, "marts.fct_plays", _OF_TRACKS),
            _by_month(_FIGURES, "marts.track_days"),
            that="For each listener and month the tracks add up to what fct_plays has, but for what rules leave out.",
            whose="marts.track_days",
        ),
    ),
    "track_periods": (
        _agree(
            "sums_are_those_of_track_days",
            _by_month(_FIGURES, "marts.track_days"),
            _by_month(_FIGURES, "marts.track_periods", "period_kind = 'month'", "period_start"),
            that="For each listener and month the tracks' months add up to their days.",
            whose="marts.track_periods",
        ),
        _agree(
            "all_time_is_the_sum_of_months",
            f"select user_id, null::date as month_start, {_FIGURES} from marts.track_periods "
            "where period_kind = 'month' group by user_id",
            f"select user_id, null::date as month_start, {_FIGURES} from marts.track_periods "
            "where period_kind = 'all_time' group by user_id",
            that="For each listener the tracks' months add up to all time.",
            whose="marts.track_periods",
        ),
    ),
}


def drift_checks() -> list[dg.AssetChecksDefinition]:
    """All of them. They ask about everything, whatever the partition of the run."""
    return [_check(model, question) for model, questions in QUESTIONS.items() for question in questions]


def keys() -> list[dg.AssetCheckKey]:
    """The keys of all of them."""
    return [
        dg.AssetCheckKey(dg.AssetKey(model), question.name)
        for model, questions in QUESTIONS.items()
        for question in questions
    ]


def _check(model: str, question: Question) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=model,
        name=question.name,
        description=question.description,
        metadata=what_to_expect(question.severity.value, question.remedy),
    )
    def check(warehouse: dg.ResourceParam[Warehouse]) -> dg.AssetCheckResult:
        with warehouse.connect() as connection:
            built = connection.execute(
                "select exists (select from ops.builds where finished_at is not null)"
            ).fetchone()
        if built != (True,):
            return dg.AssetCheckResult(
                passed=True, severity=question.severity, description="Nothing has been built yet."
            )
        return answer(question, warehouse, ABOUT)

    return check
