"""The message of a piece of news, in Slack's blocks and in plain text. Writes, and does nothing.

Slack takes 50 blocks of 3,000 characters each; a message here stays far below, so that a person can read it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from spotify_assets.automation.alerts.memory import Telling, Trouble
from spotify_assets.automation.alerts.news import News, Told

ALONE = 8
"""Up to so many failing checks are told with their sentences; more are counted by asset."""
NAMED = 6
ASSETS = 12
LONGEST_SENTENCE = 600
LONGEST_BLOCK = 2900
_RED, _YELLOW, _GREEN = ":red_circle:", ":large_yellow_circle:", ":white_check_mark:"

Block = dict[str, object]


@dataclass(frozen=True)
class Message:
    """`text` is what a notification shows, and all there is where the blocks are refused."""

    text: str
    blocks: tuple[Block, ...] = ()

    @property
    def plain(self) -> str:
        """All of it as text, for a log."""
        return "\n".join(str(block["text"]["text"]) for block in self.blocks if isinstance(block["text"], dict))


def message_of(news: News, ui_url: str | None) -> Message:
    """One message for one run."""
    lines = [_headline(news, ui_url)]
    if news.itself and news.itself.change != "passes again":
        lines.append(f"> {_sentence(news.run.failure)}{_history(news.itself)}")
    failing = news.failing
    lines += [_line(told) for told in failing] if len(failing) <= ALONE else list(_by_asset(failing))
    lines += _passing(news.passing)
    if news.itself and news.run.unevaluated:
        lines.append(f"Not looked at, because the run failed: {_counted(news.run.unevaluated)}.")
    return Message(text=escaped(_summary(news)), blocks=tuple(section(line) for line in lines))


def section(text: str) -> Block:
    """A block of text; what is too long for one is cut."""
    cut = text if len(text) <= LONGEST_BLOCK else f"{text[: LONGEST_BLOCK - 1]}…"
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut}}


def escaped(text: str) -> str:
    """Text as Slack shows it as it is: no links, no mentions of anybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def ordinal(number: int) -> str:
    """1st, 2nd, 3rd, 4th, …, 11th, …, 21st."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _summary(news: News) -> str:
    run, parts = news.run, []
    if run.outcome == "failed" and news.itself:
        parts.append(f"{run.job} failed")
    elif news.itself:
        parts.append(f"{run.job} works again")
    if news.failing:
        parts.append(f"{_checks(len(news.failing))} failed ({_severities(news.failing)})")
    if news.passing:
        parts.append(f"{_checks(len(news.passing))} {'passes' if len(news.passing) == 1 else 'pass'} again")
    said = ", ".join(parts)
    return said if news.itself else f"{run.job}: {said}"


def _checks(count: int) -> str:
    return "1 check" if count == 1 else f"{count} checks"


def _headline(news: News, ui_url: str | None) -> str:
    run = news.run
    is_bad = run.outcome == "failed" and news.itself
    sign = _GREEN
    if is_bad or any(told.verdict.is_error for told in news.failing):
        sign = _RED
    elif news.failing:
        sign = _YELLOW
    about = [f"{run.when:%Y-%m-%d %H:%M} UTC"]
    if run.partition:
        about.append(f"partition {escaped(run.partition)}")
    about.append(f"<{ui_url}/runs/{run.run_id}|run {run.run_id[:8]}>" if ui_url else f"run {run.run_id}")
    if not is_bad:
        about.append(
            {"good": "the run itself went through", "failed": "the run failed", "canceled": "stopped"}[run.outcome]
        )
    passes = f" after {_failures(news.itself.trouble.fails)}" if news.itself and not is_bad else ""
    return f"{sign} *{escaped(_summary(news))}*{passes}\n{' · '.join(about)}"


def _line(told: Told) -> str:
    verdict = told.verdict
    sign, severity = (_RED, "ERROR") if verdict.is_error else (_YELLOW, "WARN")
    unnamed = [name for name in verdict.listeners if name not in verdict.says]
    whom = f" (listener {', '.join(map(escaped, unnamed[:NAMED]))}{' and others' if len(unnamed) > NAMED else ''})"
    return (
        f"{sign} {severity} *{escaped(verdict.asset)}* · {escaped(verdict.check)}{whom if unnamed else ''}\n"
        f"> {_sentence(verdict.says)}{_history(told.telling)}"
    )


def _by_asset(failing: Sequence[Told]) -> Iterator[str]:
    """A line for each asset, those with errors first; the rest in one."""
    grouped = {
        asset: list(of_it)
        for asset, of_it in groupby(
            sorted(failing, key=lambda told: told.verdict.asset), key=lambda told: told.verdict.asset
        )
    }
    order = sorted(grouped, key=lambda asset: (-_errors(grouped[asset]), -len(grouped[asset]), asset))
    for asset in order[:ASSETS]:
        of_it = sorted(grouped[asset], key=lambda told: (not told.verdict.is_error, told.verdict.check))
        errors, first = _errors(of_it), of_it[0]
        head = f"{_RED if errors else _YELLOW} *{escaped(asset)}* · {_checks(len(of_it))} ({_severities(of_it)})"
        checks = _named([told.verdict.check for told in of_it])
        yield (
            f"{head}: {escaped(checks)}\n"
            f"> {escaped(first.verdict.check)}: {_sentence(first.verdict.says, 200)}{_history(first.telling)}"
        )
    if rest := order[ASSETS:]:
        count = sum(len(grouped[asset]) for asset in rest)
        yield f"… and {_checks(count)} on {len(rest)} more assets: {escaped(_named(rest))}."


def _severities(group: Sequence[Told]) -> str:
    counts = ((_errors(group), "ERROR"), (len(group) - _errors(group), "WARN"))
    return ", ".join(f"{count} {severity}" for count, severity in counts if count)


def _errors(group: Iterable[Told]) -> int:
    return sum(told.verdict.is_error for told in group)


def _passing(passing: Sequence[Told]) -> Iterator[str]:
    if len(passing) > ALONE:
        yield f"{_GREEN} Passing again: {_counted([(told.verdict.asset, told.verdict.check) for told in passing])}."
        return
    for told in passing:
        trouble = told.telling.trouble
        spells = f" in {trouble.spells} spells" if trouble.spells > 1 else ""
        yield (
            f"{_GREEN} *{escaped(told.verdict.asset)}* · {escaped(told.verdict.check)} passes again, after "
            f"{_failures(trouble.fails)}{spells} since {_moment(trouble)}."
        )


def _counted(keys: Sequence[tuple[str, str]]) -> str:
    """A few (asset, check) as they are; of many the assets with how many of their checks, those with most first."""
    if len(keys) <= NAMED:
        return escaped(", ".join(f"{asset} · {check}" for asset, check in keys))
    counts = Counter(asset for asset, _ in keys)
    ordered = sorted(counts, key=lambda asset: (-counts[asset], asset))
    return escaped(f"{_checks(len(keys))}, of {_named([f'{asset} ({counts[asset]})' for asset in ordered])}")


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"


def _sentence(text: str, longest: int = LONGEST_SENTENCE) -> str:
    """The first line, cut where it is too long to be read."""
    line = " ".join(text.split()) or "It says no reason."
    return escaped(line if len(line) <= longest else f"{line[: longest - 1]}…")


def _history(telling: Telling) -> str:
    """How long it has been so, in a few words."""
    trouble = telling.trouble
    if telling.change == "new":
        return ""
    since = f"since {_moment(trouble)}"
    if telling.change == "comes and goes":
        said = f"it comes and goes: {_failures(trouble.fails)} in {trouble.spells} spells {since}"
    elif telling.change == "still":
        said = f"still failing, the {ordinal(trouble.row)} time in a row, {since}"
    else:
        how = "worse than before" if telling.change == "worse" else "for another reason"
        said = f"the {ordinal(trouble.fails)} failure {since}, now {how}"
    held = f"; {telling.held_back} were not told one by one" if telling.held_back else ""
    return f" _({said}{held})_"


def _failures(count: int) -> str:
    return "1 failure" if count == 1 else f"{count} failures"


def _moment(trouble: Trouble) -> str:
    return f"{datetime.fromtimestamp(trouble.since, UTC):%Y-%m-%d %H:%M} UTC"
