"""What an examination has found: one line each, how bad it is, and how to mend it. Data only."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

import msgspec


class Grade(Enum):
    """How it stands with one thing."""

    WELL = "well"
    WARNING = "warning"  # the switch works, and something about it should be better
    FAULT = "fault"  # something would fail when it is needed: the switch, unless the finding says otherwise


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """`about`: a login's name, or what else was looked at. `mend` is empty where nothing is to be done. `of_switch`: a
    fault that would make the switch fail or slower; not one that stops entries or loses records alone.
    """

    about: str
    what: str
    grade: Grade = Grade.WELL
    mend: str = ""
    of_switch: bool = True


def well(about: str, what: str) -> Finding:
    return Finding(about=about, what=what)


def warning(about: str, what: str, mend: str) -> Finding:
    return Finding(about=about, what=what, grade=Grade.WARNING, mend=mend)


def fault(about: str, what: str, mend: str, *, of_switch: bool = True) -> Finding:
    return Finding(about=about, what=what, grade=Grade.FAULT, mend=mend, of_switch=of_switch)


def exit_code(findings: Iterable[Finding], *, strict: bool) -> int:
    """For cron: 0 no fault, 1 there is one; strict: a warning counts too."""
    bad = (Grade.FAULT, Grade.WARNING) if strict else (Grade.FAULT,)
    return 1 if any(one.grade in bad for one in findings) else 0
