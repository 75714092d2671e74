"""`qe drill`: one drill to watch, or all of them with a scorecard. Prints and records; judges nothing itself."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from engine.broker import lock_files, lock_sweep
from engine.config.places import config_file, state_folder
from engine.config.reader import load
from engine.desk.drill import Nobody
from engine.desk.drill import drill as hold
from engine.desk.drill_processes import DrillFailed
from engine.desk.drill_record import leave_paper_record, leave_record
from engine.desk.drill_result import DrillResult
from engine.desk.drill_view import MovingView, PlainView
from engine.desk.paper_drill import Refused, hold_paper_drill
from engine.desk.scorecard import hold_all, scorecard
from engine.simulator.live import is_plain
from engine.simulator.scenario import ScenarioError, list_scenarios, load_scenario

SWEEP_S = 0.5  # what is left of old lock files then, the next drill takes away
EXIT_FAILED, EXIT_NOT_HELD, EXIT_USAGE, EXIT_STOPPED = 1, 2, 64, 130


class NotKept(str):
    """Why there is no record of a drill, in words."""

    __slots__ = ()


def drill(arguments: argparse.Namespace) -> int:
    """Run it; the exit codes are in its help."""
    console = Console(stderr=arguments.json)
    try:
        if arguments.list:
            return _list(console)
        if arguments.paper is not None:
            return _paper(arguments, console)
        if arguments.all:
            return _all(arguments, console)
        return _one(arguments, console)
    except ScenarioError as error:
        print(error, file=sys.stderr)
        return EXIT_USAGE
    except Refused as error:
        print(f"The drill was not held: {error}.", file=sys.stderr)
        return EXIT_NOT_HELD
    except DrillFailed as error:
        print(f"The drill could not be held: {error}", file=sys.stderr)
        return EXIT_NOT_HELD
    except KeyboardInterrupt:
        print("The drill was stopped; no record was left.", file=sys.stderr)
        return EXIT_STOPPED
    finally:
        until = time.monotonic() + SWEEP_S
        lock_sweep.sweep(lock_files.shared_directory(), wall_s=time.time(), over=lambda: time.monotonic() >= until)


def _list(console: Console) -> int:
    for name in list_scenarios():
        console.print(Text.assemble((f"{name:<28}", "bold"), load_scenario(name).title), soft_wrap=True)
    return 0


def _one(arguments: argparse.Namespace, console: Console) -> int:
    if arguments.json:
        result = asyncio.run(hold(arguments.scenario, Nobody()))
    elif arguments.plain or is_plain(console):
        result = asyncio.run(hold(arguments.scenario, PlainView(console)))
    else:
        with MovingView(console) as view:
            result = asyncio.run(hold(arguments.scenario, view, colour=console.color_system is not None))
    record = _record(result)
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(result), indent=1).decode() + "\n")
        return _code(record, passed=result.passed)
    console.print()
    console.print(Text.from_ansi(result.printed.rstrip()), soft_wrap=True)
    console.print()
    for line in verdict(result, str(record)):
        console.print(line, soft_wrap=True)
    return _code(record, passed=result.passed)


def _code(record: Path | NotKept, *, passed: bool) -> int:
    """A drill that nobody can look up later was not held, for whoever asks a machine whether one was."""
    if isinstance(record, NotKept):
        print(f"The record of the drill was {record}. Make room there, or set QE_HOME; then: qe drill", file=sys.stderr)
    return EXIT_FAILED if not passed else EXIT_NOT_HELD if isinstance(record, NotKept) else 0


def verdict(result: DrillResult, record: str) -> list[Text]:
    """The last words of a drill."""
    if result.passed:
        head = Text.assemble(
            (" DRILL PASSED ", "bold white on green"), f" in {result.seconds:.1f} s: {result.expected}"
        )
    else:
        head = Text.assemble((" DRILL FAILED ", "bold white on red"), f" {len(result.findings)} finding(s):")
    lines = [head]
    for finding in result.findings:
        where = f"{finding.login}: " if finding.login else ""
        lines.append(Text(f"  {where}{finding.text}", style="bold red" if finding.grave else "red"))
    for login in result.truth_after.logins.values():
        left = f"{len(login.holdings)} positions, {len(login.resting)} working orders"
        lines.append(Text(f"  the exchange itself: {login.name} {'is flat' if login.flat else 'has ' + left}"))
    lines.append(Text("  simulated: only a paper drill in TWS shows what IBKR really does", style="dim"))
    lines.append(Text(f"  record: {record}", style="dim"))
    return lines


def _record(result: DrillResult) -> Path | NotKept:
    try:
        return leave_record(result, Path(state_folder()) / "drills")
    except OSError as error:
        return NotKept(f"NOT KEPT: {error}")


def _paper(arguments: argparse.Namespace, console: Console) -> int:
    """The same on a paper TWS of the user's own."""
    config = load(config_file(arguments.config))
    of_paper = [one for one in config.logins if one.mode == "paper"]
    wanted = [one for one in config.logins if one.name == arguments.paper] if arguments.paper else of_paper[:1]
    if not wanted:
        raise Refused(f"there is no paper login {arguments.paper!r}" if arguments.paper else "there is no paper login")
    result = asyncio.run(hold_paper_drill(wanted[0], Path(state_folder()), console.print))
    record: Path | NotKept
    try:
        record = leave_paper_record(result, Path(state_folder()) / "drills")
    except OSError as error:
        record = NotKept(f"NOT KEPT: {error}")
    if arguments.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(result), indent=1).decode() + "\n")
        return _code(record, passed=result.passed)
    console.print(f"\n{result.printed.rstrip()}\n", markup=False, highlight=False)
    for note in result.notes:
        console.print(f"  note: {note}", markup=False, highlight=False)
    style, word = ("green", "PASSED") if result.passed else ("red", "FAILED")
    console.print(Text.assemble((f" PAPER DRILL {word} ", f"bold white on {style}"), f" in {result.seconds:.1f} s"))
    console.print(Text(f"  record: {record}", style="dim"))
    return _code(record, passed=result.passed)


def _all(arguments: argparse.Namespace, console: Console) -> int:
    results, kept = [], True
    for held in asyncio.run(hold_all(list_scenarios(), console)):
        if isinstance(held, DrillResult):
            kept = _code(_record(held), passed=True) == 0 and kept
        results.append(held)
    if arguments.json:
        sys.stdout.write(
            msgspec.json.encode([held for held in results if isinstance(held, DrillResult)]).decode() + "\n"
        )
    else:
        console.print(scorecard(results))
    failed = [held for held in results if isinstance(held, DrillResult) and not held.passed]
    not_held = [held for held in results if isinstance(held, DrillFailed)]
    return EXIT_NOT_HELD if not_held else EXIT_FAILED if failed else 0 if kept else EXIT_NOT_HELD
