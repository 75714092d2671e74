"""Reports in columns on a screen that is narrower than they are: what does not fit goes on under its own column.

The words stay as they are, so that whoever copies them has what the terminal showed. Pure.
"""

from __future__ import annotations

import re

from markupsafe import Markup

_COLUMN = re.compile(r" {2}\S.{8} (?=\S)| +(?:\S+(?: \S+)* {2,})?|\S+(?: \S+)* {2,}")
"""From the margin to the text of a line: a label as wide as those of a kill's report, or blanks and a label with more
than one blank behind it."""

WIDE = 8
"""A text that begins so far from the margin stands in a column."""


def hanging(text: str) -> Markup:
    """Every line in an element of its own, escaped, whose class says how far its next lines are indented."""
    return Markup("").join(
        Markup('<span class="{}">{}</span>').format("deep" if _column(line) >= WIDE else "plain", line or "\u200b")
        for line in text.splitlines()
    )


def _column(line: str) -> int:
    found = _COLUMN.match(line)
    return 0 if found is None else found.end()
