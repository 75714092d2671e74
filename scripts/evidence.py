"""Write docs/evidence.md: what `qe torture --record docs/evidence.json` has done so far, in figures, and the words.

make evidence

Load and soak are in docs/endurance.json, where `make load` and `make soak` keep them if they are asked to.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec

from engine.torture.campaign import Result
from engine.torture.generator import FIRST, kind_of
from engine.torture.record import Record
from engine.torture.triples import COUNT, TROUBLES

ROOT = Path(__file__).resolve().parent.parent
RECORD = ROOT / "docs" / "evidence.json"
ENDURANCE = ROOT / "docs" / "endurance.json"
PAGE = ROOT / "docs" / "evidence.md"
WORDS = Path(__file__).with_name("evidence_words.md")
DAY_MINUTES = 4  # what happens in every day of the soak takes so long
HEAD = "| commit | until | seeds | worlds | kills | messages | simulated | processor | kills a core-second | broken |"
RULE = "| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"


def page(entries: list[Result], endurance: dict[str, Any], words: str) -> str:
    """The words with the figures in them."""
    done = [one for one in entries if one.runs]
    figures = {
        "runs": "\n".join([HEAD, RULE, *map(_row, done)]),
        "totals": _totals(done),
        "failures": _failures(done),
        "load": _load(endurance["load"]),
        "soak": _soak(endurance["soak"]),
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


def _load(one: dict[str, Any]) -> str:
    """Of 20 logins that breach at once."""
    moments = (("first cancel", "first_cancel"), ("last closing order", "last_close"), ("flat", "flat"))
    rows = [
        f"| {what} | {one[key]['median_ms'] / 1000:.1f} s | {one[key]['worst_ms'] / 1000:.1f} s |"
        for what, key in moments
    ]
    return "\n".join(
        [
            "| from the breach of a login to its … | median | worst |",
            "| --- | ---: | ---: |",
            *rows,
            "",
            f"{one['logins']} logins, {grouped(one['positions'])} positions, all breaches within "
            f"{one['breaches_within_s']:.1f} s; {grouped(one['closes'])} closing orders, {one['left']} positions left, "
            f"{one['turned_round']} made larger or turned round; {one['ended_flat']} of {one['pressed']} kills ended "
            f"flat in the journal ({grouped(one['records'])} records). The guard's event loop was "
            f"{one['lag_worst_ms']:.0f} ms late at the worst, took {one['cpu_s']:.1f} s of a core, and held "
            f"{one['peak_mb']:.0f} MB at its peak, {one['ready_mb']:.0f} MB before. {_where(one)}",
        ]
    )


def _soak(one: dict[str, Any]) -> str:
    """Of a month."""
    held = one["bytes_by_day"]
    marks = [day for day in (2, 8, 15, 22, len(held)) if day <= len(held)]
    rows = " ".join(f"{held[day - 1] / 1000:.0f} kB after {day} days," for day in marks).rstrip(",")
    awake = max(one["awake_minutes"], DAY_MINUTES)
    tasks, threads = one["tasks"], one["threads"]
    return (
        f"{one['days']} days, of each {awake:g} minutes or more lived through and the rest slept through; "
        f"{one['orders']} orders. What the guard's own code holds: {rows}. Tasks {tasks[0]} after the first day and "
        f"{tasks[1]} at the most, threads {threads[0]} and {threads[1]}. {_where(one)}"
    )


def _where(one: dict[str, Any]) -> str:
    return (
        f"*{one['commit']}, {one['at']}; {one['machine']}, Python {one['python']}, load {one['load_before']:g} before.*"
    )


def grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def main() -> int:
    endurance = msgspec.json.decode(ENDURANCE.read_bytes())
    words = WORDS.read_text(encoding="utf-8")
    PAGE.write_text(page(Record(RECORD).entries, endurance, words), encoding="utf-8")
    print(f"wrote {PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
