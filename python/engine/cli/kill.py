"""`qe kill`: every login at once, no question asked. This file is the way to the first byte and hands over behind it.

Nothing that is imported up here or before `strike.run` may load what a bare interpreter has not (the budget is a test:
tests/cli/test_import_budget.py). Everything else, the manager and the kill included, is imported while TWS answers.
It must never write to the terminal before the strike, ask for confirmation, or end without saying how it ended.
"""

from __future__ import annotations

import os
import sys
import time

from engine.cli import first_strike, presses
from engine.cli.kill_arguments import USAGE, BadArgument, KillArguments, parse
from engine.config import card, places

EXIT_USAGE = 64  # nothing was sent
STRIKE_ALONE_S = 0.03  # a TWS on this machine answers within this; then the program is loaded meanwhile
STRIKE_TOGETHER_S = 0.005  # how long a login that is ready waits for the others

DEFAULT_LOGINS = [("paper", "paper", "127.0.0.1", 7497, 9000), ("live", "live", "127.0.0.1", 7496, 9000)]


def main(words: list[str]) -> None:
    """Kill, report, exit."""
    pressed_ns = time.monotonic_ns()
    occupy_standard_streams()
    hands = presses.Presses()
    try:
        arguments = parse(words)
        if arguments.help:
            leave(USAGE, 1, 0)
        logins = choose(find_logins(arguments), arguments.logins)
    except BadArgument as error:
        leave(f"qe kill: {error}\nNothing was sent.\n\n{USAGE}", 2, EXIT_USAGE)
    targets = [first_strike.Target(name, host, port, client_id) for name, _, host, port, client_id in logins]
    strike = first_strike.FirstStrike(targets)
    strike.run(STRIKE_ALONE_S, STRIKE_TOGETHER_S)
    strike.go_on()

    from engine.cli.kill_run import begin

    begin(arguments, [login[0] for login in logins], strike, hands, pressed_ns)


def find_logins(arguments: KillArguments) -> list[tuple[str, str, str, int, int]]:
    """Name, mode, host, port and the kill's first client id of every configured login, as fast as they can be had."""
    path = places.config_file(arguments.config)
    overridden = any(name.startswith(("QE_LOGINS__", "QE_KILL__")) for name in os.environ)
    if path is None and not overridden:
        return DEFAULT_LOGINS
    known = None if path is None or overridden else card.read_card_for(path)
    if known is not None:
        return known

    from engine.config.reader import read_for_kill, strike_rows

    return strike_rows(read_for_kill(path)[0])


def choose(logins: list[tuple[str, str, str, int, int]], wanted: list[str]) -> list[tuple[str, str, str, int, int]]:
    """The logins asked for by name, whatever its capitals; all of them when none is named."""
    by_name = {login[0].lower(): login for login in logins}
    for name in wanted:
        if name.lower() not in by_name:
            raise BadArgument(f"there is no login {name!r}; there are: {', '.join(login[0] for login in logins)}")
    return [by_name[name] for name in dict.fromkeys(name.lower() for name in wanted)] if wanted else logins


def occupy_standard_streams() -> None:
    """Where a standard stream is closed, put nothing there: a socket must never become what messages are written to."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(fd)


def leave(text: str, fd: int, code: int) -> None:
    stream = sys.stdout if fd == 1 else sys.stderr
    if stream is not None:
        stream.write(text)
    sys.exit(code)
