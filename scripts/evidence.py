"""Write docs/evidence.md: what `qe torture --record docs/evidence.json` has done so far, in figures, and the words.

make evidence
"""

from __future__ import annotations

import sys
from pathlib import Path

from engine.torture.campaign import Result
from engine.torture.generator import FIRST, kind_of
from engine.torture.record import Record
from engine.torture.triples import COUNT, TROUBLES

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "docs" / "evidence.json"
PAGE = ROOT / "docs" / "evidence.md"
WORDS = Path(__file__).with_name("evidence_words.md")
HEAD = "| commit | until | seeds | worlds | kills | messages | simulated | processor | kills a core-second | broken |"
RULE = "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"


def page(entries: list[Result], words: str) -> str:
    """The words with the figures in them."""
    done = [one for one in entries if one.runs]
    figures = {
        "runs": "\n".join([HEAD, RULE, *map(_row, done)]),
        "totals": _totals(done),
        "failures": _failures(done),
        "troubles": str(len(TROUBLES)),
        "triples": grouped(COUNT),
    }
    for name, text in figures.items():
        words = words.replace("{{" + name + "}}", text)
    return words


def _row(one: Result) -> str:
    cells = (
        one.commit or one.version,
        one.ended,
        _seeds(one),
        grouped(one.runs),
        grouped(one.kills),
        grouped(one.messages),
        f"{one.simulated_s / 3600:,.1f} h".replace(",", " "),
        f"{one.cpu_s / 60:.0f} min",
        f"{one.kills_per_s:.0f}",
        str(len(one.failures)),
    )
    return f"| {' | '.join(cells)} |"


def _seeds(one: Result) -> str:
    kind = kind_of(one.first_seed)
    if kind == "triples":
        return "all triples" if one.runs >= COUNT else f"triples 0 to {grouped(one.runs - 1)}"
    if kind == "kill":
        first = one.first_seed - FIRST[kind]
        return f"kill alone {grouped(first)} to {grouped(first + one.runs - 1)}"
    return f"{grouped(one.first_seed)} to {grouped(one.next_seed - 1)}"


def _totals(done: list[Result]) -> str:
    machines = sorted({f"{one.machine}, Python {one.python}" for one in done})
    alone = [one for one in done if kind_of(one.first_seed) == "kill"]
    whole = [one for one in done if one not in alone]
    lines = [f"In all {_sum(whole)}."]
    if alone:
        lines.append(f"Counted apart, of the kill alone: {_sum(alone)}.")
    return " ".join([*lines, f"Machine: {'; '.join(machines)}; beside other work."])


def _sum(entries: list[Result]) -> str:
    return f"{grouped(sum(one.kills for one in entries))} kills in {grouped(sum(one.runs for one in entries))} worlds"


def _failures(done: list[Result]) -> str:
    failures = [(one, outcome) for one in done for outcome in one.failures]
    if not failures:
        return "No invariant broke in these runs."
    lines = [
        f"- {one.commit}, `qe torture --seed {outcome.seed}`: {found.name}, {found.text}"
        for one, outcome in failures
        for found in outcome.violations[:1]
    ]
    return "\n".join(["What broke in these runs:", "", *lines])


def grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def main() -> int:
    PAGE.write_text(page(Record(RECORD).entries, WORDS.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
