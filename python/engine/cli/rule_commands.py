"""`qe halt`, `qe resume`, `qe reset`: what the logins may do, for every program on this machine.

A halt is never refused: not for a faulty configuration, and not for a journal that cannot be written (it then binds by
the alarm, and the exit code says so). Going on is refused whole, with everything that is in the way.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from engine.cli.exits import EXIT_CANNOT, EXIT_REFUSED, EXIT_USAGE
from engine.cli.login_names import Chosen, Named, choose_or_tell
from engine.cli.who import actor
from engine.config.places import state_folder
from engine.trading.errors import ResumeRefused, RulesUnreadable
from engine.trading.rules import Rules, open_rules


def halt(arguments: argparse.Namespace) -> int:
    """0 every one binds and is written down; 1 it binds, but something is not as it should be."""
    chosen = _chosen(arguments, stopping=True)
    if isinstance(chosen, int):
        return chosen
    rules = _rules("halt")
    cancel = arguments.cancel == "risk_adding"
    halted = [rules.halt(one.scope, arguments.reason, actor=actor("halt"), cancel=cancel) for one in chosen.logins]
    for one in halted:
        print(one)
    whose = f"on {', '.join(one.name for one in chosen.logins)}"
    if chosen.faults and arguments.all:
        whose = "on any login"
        if not rules.journal.raise_alarm(f"every login was halted with a faulty configuration: {arguments.reason}"):
            whose = "on these logins; others that the file may name COULD NOT be halted: halt them by name"
    if all(one.told for one in halted):
        print(f"No order that adds risk leaves any program that uses quant-engine here, {whose}. Nothing was closed.")
    else:
        print("Other programs may go on for a moment. End their engines (qe engines), or kill. Nothing was closed.")
    if cancel:
        print("Every connected program cancels its own working orders that add risk; protective ones stay.")
        print("What it came to, and what still works: qe status")
    well = all(one.durable and one.drained for one in halted) and not chosen.faults
    return 0 if well else EXIT_REFUSED


def resume(arguments: argparse.Namespace) -> int:
    """0 resumed; 1 refused; 2 the journal cannot be used."""

    def one(rules: Rules, login: Named) -> object:
        reason, override = arguments.reason, arguments.override
        return rules.resume(login.scope, override=override, reason=reason, actor=actor("resume"))

    return _going_on(arguments, "resume", one)


def reset(arguments: argparse.Namespace) -> int:
    """0 reset: the login is halted until it is resumed; 1 refused; 2 the journal cannot be used."""

    def one(rules: Rules, login: Named) -> object:
        halted = rules.reset(login.scope, reason=arguments.reason, actor=actor("reset"))
        return f"{halted}\n  the shutdown is over, and the login stays halted until: qe resume {login.name}"

    return _going_on(arguments, "reset", one)


def _going_on(arguments: argparse.Namespace, command: str, act: Callable[[Rules, Named], object]) -> int:
    chosen = _chosen(arguments, stopping=False)
    if isinstance(chosen, int):
        return chosen
    rules, code = _rules(command), 0
    for login in chosen.logins:
        try:
            print(act(rules, login))
        except ResumeRefused as refused:
            code = max(code, EXIT_REFUSED)
            print(_obstacles(login, command, refused), file=sys.stderr)
        except RulesUnreadable as unreadable:
            code = EXIT_CANNOT
            print(unreadable, file=sys.stderr)
    return code


def _obstacles(login: Named, command: str, refused: ResumeRefused) -> str:
    lines = [f"{login.name}: {command} refused; everything stands as it did. In the way:"]
    for number, one in enumerate(refused.obstacles, start=1):
        lines += [f"  {number}. {one.what}", f"     to clear: {one.clear}"]
    return "\n".join(lines)


def _chosen(arguments: argparse.Namespace, *, stopping: bool) -> Chosen | int:
    if bool(arguments.logins) == arguments.all:
        print(f"qe {arguments.command}: name the logins, or say --all (one of the two)", file=sys.stderr)
        return EXIT_USAGE
    chosen = choose_or_tell(arguments.command, arguments.logins, arguments.config, stopping=stopping)
    return EXIT_USAGE if chosen is None else chosen


def _rules(command: str) -> Rules:
    return open_rules(Path(state_folder()), actor=actor(command))
