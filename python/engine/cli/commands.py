"""Every command but `kill`: parse with argparse, start what is asked for, return its exit code.

Each command is imported when it is called for, so that `qe version` does not load a simulator.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module

from engine import __version__
from engine.cli.exits import EXIT_CANNOT, EXIT_USAGE
from engine.cli.parsers import build_parser

COMMANDS = {  # the module in engine.cli, and the function that runs it
    "status": ("status_command", "status"),
    "verify": ("verify_command", "verify"),
    "halt": ("rule_commands", "halt"),
    "resume": ("rule_commands", "resume"),
    "reset": ("rule_commands", "reset"),
    "incident": ("incident_command", "incident"),
    "limits": ("limits_command", "limits"),
    "cashflow": ("cashflow_command", "cash_flow"),
    "guard": ("guard_command", "guard"),
    "gateway": ("gateway_command", "gateway"),
    "ack": ("guard_command", "acknowledge"),
    "engines": ("engines_command", "engines_here"),
    "web": ("web_command", "web"),
    "doctor": ("doctor_command", "doctor"),
    "runbook": ("runbook_command", "make_runbook"),
    "drill": ("drill_command", "drill"),
    "sim": ("sim_command", "sim"),
    "torture": ("torture_command", "torture"),
    "config": ("config_command", "config"),
    "journal": ("journal_command", "journal"),
}
KNOWN = ("kill", *COMMANDS, "version", "help")  # a slip near two of them most likely meant the first


LOOKING = {"engines": "list", "incident": "list", "limits": "show"}  # what each means by itself: it changes nothing


def main(words: list[str]) -> int:
    """Run one command and return the process's exit code."""
    return _piped(lambda: _run(words))


def _run(words: list[str]) -> int:
    if words and not words[0].startswith("-") and words[0] not in KNOWN:
        print(_no_such_command(words[0]), file=sys.stderr)
        return EXIT_USAGE
    parser = build_parser()
    if len(words) == 1 and words[0] in LOOKING:
        words = [*words, LOOKING[words[0]]]
    arguments = parser.parse_args(words or ["help"])
    if arguments.command == "version":
        print(f"quant-engine {__version__}")
    elif arguments.command in COMMANDS:
        module, function = COMMANDS[arguments.command]
        run: Callable[[argparse.Namespace], int] = getattr(import_module(f"engine.cli.{module}"), function)
        return run(arguments)
    else:
        parser.print_help()
    return 0


def _no_such_command(word: str) -> str:
    """A slip of the finger on the worst day: what did not happen, and what was probably meant."""
    alike = get_close_matches(word.lower(), KNOWN, n=1)
    meant = f"Did you mean: qe {alike[0]}" if alike else "Every command: qe help"
    return f"qe: there is no command '{word}'; nothing was done, nothing was sent. {meant}"


def _piped(run: Callable[[], int]) -> int:
    """Run it. Whoever reads our lines may have seen enough (`| head`): that is no fault of the command's."""
    try:
        try:
            code = run()
        except SystemExit:  # argparse's own, of --help
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except BrokenPipeError:
        _give_up_output()
        return 0
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or error.filename is not None:
            raise
        _give_up_output()
        print(
            f"qe: the output could not be written: {error.strerror}. What is there is not all of it; what was asked "
            "for may be done all the same. Make room, and look with: qe status",
            file=sys.stderr,
        )
        return EXIT_CANNOT
    return code


def _give_up_output() -> None:
    """Or the interpreter's end would tell it once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
