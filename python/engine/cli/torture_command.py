"""`qe torture`: simulated worlds by the thousand, each from one seed, until something breaks that never may."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import msgspec

from engine.cli.exits import EXIT_USAGE
from engine.config.problems import in_words
from engine.torture.campaign import Result, Wanted, campaign, shrunk
from engine.torture.generator import FIRST, SeedKind, kind_of, story_of
from engine.torture.one import Outcome, run_story, scratch_folder
from engine.torture.record import Record, commit, today
from engine.torture.story import Story, from_json, to_json, told
from engine.torture.triples import COUNT as TRIPLES
from engine.torture.triples import FIRST_TRIPLE

TELL_EVERY_S = 2.0
KILLS = 1000  # unless something else is wanted


def torture(arguments: argparse.Namespace) -> int:
    """Run it; its exit code."""
    if arguments.story is not None:
        try:
            return _replay(from_json(Path(arguments.story).read_bytes()), arguments)
        except OSError as error:
            print(f"qe torture: {arguments.story} cannot be read: {error.strerror}", file=sys.stderr)
        except msgspec.DecodeError as error:
            expected, _, place = str(error).partition(" - at ")
            why = f"{place.strip('`')}: {in_words(expected)}" if place else "it is not the JSON that a story is kept as"
            print(f"qe torture: {arguments.story} is no story: {why}", file=sys.stderr)
        return EXIT_USAGE
    if arguments.seed is not None:
        return _replay(story_of(arguments.seed), arguments)
    return _campaign(arguments)


def _replay(story: Story, arguments: argparse.Namespace) -> int:
    """One run, told in full."""
    with scratch_folder() as scratch:
        outcome = run_story(story, scratch)
    if outcome.violations and not arguments.no_shrink:
        story = shrunk(story, outcome.names)
        with scratch_folder() as scratch:
            outcome = run_story(story, scratch)
    print(told(story))
    print(
        "\n".join(_lines(outcome)) or f"nothing broke: {outcome.kills} kills, {outcome.seconds:.0f} simulated seconds"
    )
    if arguments.json is not None:
        _write(arguments.json, to_json(story))
    return 1 if outcome.violations else 0


def _campaign(arguments: argparse.Namespace) -> int:
    kind: SeedKind = "triples" if arguments.triples else arguments.only or "all"
    least, asked = FIRST.get(kind, 1), arguments.first
    if asked is not None and kind != "all" and kind_of(asked) != kind:
        what = "triples" if kind == "triples" else "the kill alone (--only kill)"
        print(
            f"qe torture: seed {asked} is none of {what}: these begin at {least}. Nothing was run. Give --first from "
            f"there on, or leave it out",
            file=sys.stderr,
        )
        return EXIT_USAGE
    first = least if asked is None else asked
    record = None if arguments.record is None else Record(Path(arguments.record))
    result = Result(first_seed=first) if record is None else record.entry(kind=kind, first_seed=first, commit=commit())
    if asked is not None and result.next_seed != asked:
        print(f"qe torture: {arguments.record} goes on at seed {result.next_seed}, not at {asked}", file=sys.stderr)
    limited = arguments.kills or arguments.minutes or arguments.runs or arguments.triples
    runs = arguments.runs
    if arguments.triples:
        left = FIRST_TRIPLE + TRIPLES - result.next_seed
        runs = left if runs is None else min(runs, left)
    wanted = Wanted(
        first_seed=result.next_seed,
        runs=runs,
        kills=arguments.kills if limited else KILLS,
        minutes=arguments.minutes,
        jobs=arguments.jobs,
    )
    progress = _Progress(record)
    campaign(wanted, progress.told, result)
    progress.end(result)
    if arguments.json is not None:
        _write(arguments.json, msgspec.json.format(msgspec.json.encode(_data(result)), indent=1))
    if result.failures and not arguments.no_shrink:
        first = result.failures[0]
        print(f"\nThe first of them, made as short as it gets:\n{told(shrunk(story_of(first.seed), first.names))}")
    return 1 if result.failures else 0


class _Progress:
    """A line that changes on a terminal, and a few lines elsewhere."""

    def __init__(self, record: Record | None) -> None:
        self._record = record
        self._live = sys.stderr.isatty()
        self._told_at = 0.0

    def told(self, result: Result, failed: list[Outcome]) -> None:
        for outcome in failed:
            self._clear()
            print("\n".join(_lines(outcome)), flush=True)
        now = time.monotonic()
        if now - self._told_at >= (TELL_EVERY_S if self._live else 5 * TELL_EVERY_S):
            self._told_at = now
            self._keep(result)
            end = "" if self._live else "\n"
            print(f"{chr(13) if self._live else ''}{_summary(result)}", end=end, file=sys.stderr, flush=True)

    def end(self, result: Result) -> None:
        self._keep(result)
        self._clear()
        print(_summary(result))

    def _keep(self, result: Result) -> None:
        if self._record is not None:
            result.ended = today()
            self._record.keep()

    def _clear(self) -> None:
        if self._live:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _summary(result: Result) -> str:
    failures = f"{len(result.failures)} failed" if result.failures else "none failed"
    kind = kind_of(result.first_seed)
    which = {"triples": f" ({result.runs} of {TRIPLES} triples)", "kill": " of the kill alone"}.get(kind, "")
    return (
        f"{result.runs} worlds{which}, {result.kills} kills, {failures}; "
        f"{result.simulated_s / 3600:.1f} simulated hours, {result.messages} messages; "
        f"{result.kills_per_s:.0f} kills a second and core"
    )


def _lines(outcome: Outcome) -> list[str]:
    lines = [f"{one.name} broken: {one.text}" for one in outcome.violations]
    return [*lines, f"  again: qe torture --seed {outcome.seed}"] if lines else []


def _data(result: Result) -> dict[str, object]:
    data: dict[str, object] = msgspec.to_builtins(result)
    return {"passed": not result.failures, "kills_per_s_and_core": round(result.kills_per_s, 1), **data}


def _write(path: str, data: bytes) -> None:
    if path == "-":
        sys.stdout.buffer.write(data + b"\n")
    else:
        Path(path).write_bytes(data + b"\n")
