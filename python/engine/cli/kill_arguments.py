"""Read the arguments of `qe kill` by hand: a parser from the library would cost more than the whole first strike.

An unknown argument sends nothing: whoever asks for `--dry-run` must not get a kill. It must never ask anything back.
"""

from __future__ import annotations

IN_SHORT = """\
  qe kill          every configured login, at once
  qe kill LOGIN    only that one
  qe kill --help   all options
"""
"""For whoever has mistyped in a hurry: the whole usage would hide what was wrong."""

USAGE = """\
usage: qe kill [LOGIN]... [--reason TEXT] [--deadline SECONDS]
               [--watch SECONDS] [--json] [--config FILE]

Cancel every order, close every position, and prove it by the broker's own
answers: on every configured login at once, without asking.

  --reason TEXT       why; goes into the report
  LOGIN               only this login; --login NAME is the same
  --deadline SECONDS  report what is left after this long (default 120)
  --watch SECONDS     afterwards go on: try logins that were not reached, watch
                      for late fills, and close what is found (default 0)
  --json              the report as JSON on standard output, the timeline on
                      standard error
  --config FILE       read this file (default: QE_CONFIG, ./quant-engine.toml,
                      the state folder's; else paper 7497 and live 7496)

A login that is not reached is given up after 5 s where nothing listens, after
12 s where the machine does not answer; one that accepts a connection, or has
no client id to spare, is waited for until the deadline. Then nothing goes on:
start TWS and kill again, or use --watch 600, which goes on for ten minutes.

Exit: 0 every login verified flat
      1 something is left
      2 a login unreachable or unknown, or part of the configuration unread
      64 nothing was sent
"""

WITH_VALUE = ("--reason", "--login", "--deadline", "--watch", "--config")
SECONDS_MAX = 86_400.0


class BadArgument(Exception):
    """The command line cannot be obeyed; the text says why. Nothing has been sent."""


class KillArguments:
    """What was asked for; None where it was left to the configuration."""

    __slots__ = ("config", "deadline_s", "help", "json", "logins", "reason", "watch_s")

    def __init__(self) -> None:
        self.reason = "EMERGENCY"
        self.logins: list[str] = []
        self.deadline_s: float | None = None
        self.watch_s: float | None = None
        self.config: str | None = None
        self.json = False
        self.help = False


def parse(words: list[str]) -> KillArguments:
    """The arguments, or `BadArgument`."""
    arguments = KillArguments()
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        option, equals, value = word.partition("=")
        if word in ("-h", "--help"):
            arguments.help = True
        elif word == "--json":
            arguments.json = True
        elif not word.startswith("-"):
            arguments.logins.append(word)
        elif option not in WITH_VALUE:
            raise BadArgument(f"unknown argument {word!r}")
        elif equals:
            _set(arguments, option, value)
        elif waiting:
            _set(arguments, option, waiting.pop(0))
        else:
            raise BadArgument(f"{option} needs a value")
    return arguments


def _set(arguments: KillArguments, option: str, value: str) -> None:
    if option == "--login":
        arguments.logins.append(value)
    elif option == "--reason":
        arguments.reason = value
    elif option == "--config":
        arguments.config = value
    elif option == "--deadline":
        arguments.deadline_s = _seconds(option, value, least=1.0)
    else:
        arguments.watch_s = _seconds(option, value, least=0.0)


def _seconds(option: str, value: str, least: float) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = -1.0
    if not least <= seconds <= SECONDS_MAX:
        raise BadArgument(f"{option} {value!r}: a number of seconds from {least:g} to {SECONDS_MAX:g}")
    return seconds
