"""docs/safeguards.md, made of the planted bugs: what holds, what would come of its absence, and which test says so."""

from __future__ import annotations

from collections.abc import Iterable

from safeguards.catalogue import SUBJECTS, Bug

PAGE = "docs/safeguards.md"
_HEAD = """# Safeguards

Each line is a safeguard that has been taken away in a copy of this program, to see whether a test notices. All were
found: `make planted` repeats it ([how](how-to/planted.md)). Made by `python scripts/planted.py --page`.

What must hold over everything at once, in worlds where everything goes wrong: [invariants](invariants.md).
"""
_TITLES = {
    "kill": "The kill",
    "proof": "What counts as flat",
    "broker": "On the wire to TWS",
    "halts": "Halts, and the way back",
    "limits": "Loss limits",
    "orders": "Before an order leaves",
    "journal": "The journal",
    "guard": "The guard",
    "gateway": "The gateway",
    "codec": "The codec",
    "cockpit": "The cockpit",
}


def page(bugs: Iterable[Bug]) -> str:
    bugs = list(bugs)
    return "\n".join([_HEAD, *(_section(subject, bugs) for subject in SUBJECTS)])


def _section(subject: str, bugs: Iterable[Bug]) -> str:
    rows = [_row(bug) for bug in bugs if bug.subject == subject]
    head = ["| safeguard | without it | known from | noticed by |", "| --- | --- | --- | --- |"]
    return "\n".join([f"## {_TITLES[subject]}", "", *head, *rows, ""])


def _row(bug: Bug) -> str:
    tests = "<br>".join(
        f"`{test.partition('tests/')[2].replace('::', ' ')}`" for test in (*bug.tests, bug.scenario) if test
    )
    seen = f", torture ({bug.torture})" if bug.torture else ""
    return f"| {bug.safeguard} | {bug.why} | {', '.join(bug.known)} | {tests}{seen} |"
