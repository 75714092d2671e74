"""The timeline of a kill as lines on a terminal, while it happens."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from textwrap import fill

from engine.core.kill.report import TimelineEntry
from engine.trading.kill_switch import OnStep
from engine.trading.naming import readable
from engine.trading.repeats import Repeats
from engine.trading.report_text import WIDTH, split_advice
from engine.voice import ERR, shared_voice

NAME_COLUMNS_MIN = 8
WITH_ADVICE = ("disconnected", "waiting", "link_down", "read_only")  # steps whose text goes on to say what to do


def on_terminal(names: Iterable[str]) -> OnStep | None:
    """Tells every step on standard error where that is a terminal: whoever has pressed sees that something happens.
    None elsewhere: what is not a terminal belongs to the program. Nobody waits for the terminal, however slow it is.
    """
    try:
        if sys.stderr is None or not sys.stderr.isatty() or sys.stderr.fileno() != ERR:
            return None
    except (OSError, ValueError):  # closed, or not a file at all
        return None
    voice, columns, wide, repeats = shared_voice(), columns_of(ERR), name_columns(names), Repeats()

    def tell(name: str, step: TimelineEntry) -> None:
        voice.say(timeline_line(name, repeats.shortened(name, step), wide, columns_max=columns), ERR)

    return tell


def name_columns(names: Iterable[str]) -> int:
    """How wide the column of the logins' names is."""
    return max([NAME_COLUMNS_MIN, *(len(name) for name in names)])


def timeline_line(name: str, step: TimelineEntry, name_columns: int, *, columns_max: int | None) -> str:
    """One step as a line. Where space is short it goes on below its words, and no word is broken; advice is left to the
    report, which gives it once.
    """
    text = readable(step.text)
    line = f"{step.at_ms / 1000:8.3f} s  {name:<{name_columns}} {text}"
    if columns_max is None or len(line) <= columns_max:
        return line
    below = " " * min(len(line) - len(text), columns_max // 2)
    if step.kind in WITH_ADVICE:
        line = line.removesuffix(text) + split_advice(text)[0]
    return fill(line, columns_max, subsequent_indent=below, break_long_words=False, break_on_hyphens=False)


def columns_of(fd: int) -> int:
    """How wide the terminal is; where there is none, as wide as a narrow one."""
    try:
        return os.get_terminal_size(fd).columns or WIDTH
    except OSError:
        return WIDTH
