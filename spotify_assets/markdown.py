"""Markdown as Dagster's UI shows it: tables that stay in place, titles that stay titles, and bars of characters."""

import re
from collections.abc import Sequence
from datetime import datetime

SHOWN = 999
"""Dagster's UI shows Markdown in place up to so many UTF-16 code units, and hides longer texts behind a link."""
WIDEST = 80
"""Longer texts are cut; a lake key fits."""

BARS = "·▁▂▃▄▅▆▇█"
"""Nothing is a dot: a browser would collapse spaces."""

_MARKUP = re.compile(r"([\\`*_\[\]<>|~&])")


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table of the first rows, as many as Dagster's UI shows in place.

    A title that looks like Markdown is escaped, an absent value is a dash, a long text is cut.
    """
    text = "\n".join(map(_line, (header, ["---"] * len(header))))
    for row in rows:
        longer = f"{text}\n{_line(row)}"
        if len(longer.encode("utf-16-le")) // 2 > SHOWN:
            break
        text = longer
    return text


def bar_chart(counts: Sequence[int]) -> str:
    """One character a count, as high as its share of the largest."""
    top = max(counts, default=0) or 1
    return "".join(BARS[-(-count * (len(BARS) - 1) // top)] for count in counts)


def escape(text: str) -> str:
    """The text as Markdown that shows it as it is."""
    return _MARKUP.sub(r"\\\1", text)


def _line(values: Sequence[object]) -> str:
    return "| " + " | ".join(map(_cell, values)) + " |"


def _cell(value: object) -> str:
    if value is None:
        return "–"
    text = f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else re.sub(r"[ \t\r\n]+", " ", str(value))
    return escape(text if len(text) <= WIDEST else text[: WIDEST - 1] + "…")
