"""`qe kill`: every login at once, no question asked. This file is the way to the first byte and hands over behind it.

Nothing that is imported up here or before `strike.run` may load what a bare interpreter has not (the budget is a test:
tests/cli/test_import_budget.py). Everything else, the manager and the kill included, is imported while TWS answers.
It must never write to the terminal before the strike, ask for confirmation, or end without saying how it ended.
"""

from __future__ import annotations

import gc
import os
import sys
import time

from engine.cli import first_strike, kill_under_way, warm_guard
from engine.cli.kill_arguments import IN_SHORT, USAGE, BadArgument, KillArguments, parse
from engine.config import places
from engine.config.plan import KillPlan, default_plan
from engine.config.quick import read_quickly
from engine.names import called

TYPE_CHECKING = False  # what `typing` has, without loading it
if TYPE_CHECKING:
    from typing import NoReturn

    from engine.cli import presses

OUT, ERR = 1, 2  # as in engine.voice, which is loaded later
EXIT_UNKNOWN = 2
EXIT_USAGE = 64  # nothing was sent
STRIKE_ALONE_S = 0.03  # a TWS on this machine answers within this; then the program is loaded meanwhile
STRIKE_TOGETHER_S = 0.005  # how long a login that is ready waits for the others


def main(words: list[str], hands: presses.Presses) -> None:
    """Kill, report, exit."""
    pressed_ns = time.monotonic_ns()
    occupy_standard_streams()
    try:
        arguments = parse(words)
        if arguments.help:
            leave(USAGE, 1, 0)
        plan = make_plan(arguments)
    except BadArgument as error:
        leave(f"qe kill: {error}\n\n{IN_SHORT}\nNothing was sent.\n", 2, EXIT_USAGE)
    at_work = kill_under_way.Glance([(place.host, place.port) for place in plan.places])
    strike = first_strike.FirstStrike(
        [first_strike.Target(place.name, place.host, place.port, plan.client_id) for place in plan.places], at_work
    )
    hands.begun = True
    warm_guard.hand_over(places.state_folder(), arguments.reason, arguments.logins)
    strike.run(STRIKE_ALONE_S, STRIKE_TOGETHER_S)
    strike.go_on()
    gc.disable()  # nothing of what is loaded now is ever garbage

    try:
        from engine.cli import without_openssl

        without_openssl.load()
        from engine.cli.kill_run import begin
    except ImportError as error:
        leave(not_loaded(strike, error), 2, EXIT_UNKNOWN)
    begin(arguments, plan, strike, hands, pressed_ns)


def make_plan(arguments: KillArguments) -> KillPlan:
    """Which logins, and how: from the arguments over the configuration, as fast as it can be had."""
    plan = find_plan(arguments.config)
    if arguments.logins:
        choose(plan, arguments.logins)
    if arguments.deadline_s is not None:
        plan.deadline_s = arguments.deadline_s
    if arguments.watch_s is not None:
        plan.watch_s = arguments.watch_s
    return plan


def choose(plan: KillPlan, names: list[str]) -> None:
    """Leave the logins asked for. If the configuration may have named one that is not there, all of them stay: it is
    better to kill too many than to refuse because of a slip in a file. One that is there by its own name is not
    missing, whatever else is wrong with it: no other login is closed for it."""
    known = [*(place.name for place in plan.places), *plan.unusable]
    found = {name: called(name, known, plan.written) for name in names}
    missing = [name for name in names if not found[name]]
    if missing and not plan.faults:
        raise BadArgument(f"there is no login {missing[0]!r}; there are: {', '.join(known)}")
    if missing:
        plan.faults.append(f"No login {missing[0]!r} could be read in it, so every login that is known is killed.")
        return
    asked = {each for several in found.values() for each in several}
    if not asked.isdisjoint(plan.unusable):
        asked |= plan.stand_ins  # it may be there; it is none of those that are known to be elsewhere
    plan.places = [place for place in plan.places if place.name in asked]
    plan.doubtful = {name: why for name, why in plan.doubtful.items() if name in asked}
    if asked.isdisjoint(plan.stand_ins):  # of those asked for nothing is uncertain but what stands in these
        plan.unusable = {name: why for name, why in plan.unusable.items() if name in asked}
        plan.unread = ""


def find_plan(named: str | None) -> KillPlan:
    """The plan that the configuration comes to; the real reader is loaded only where the quick one gives up."""
    overrides = {name: text for name, text in os.environ.items() if name.startswith(("QE_LOGINS__", "QE_KILL__"))}
    unreadable = None
    try:
        path, written = places.find_and_read(named)
    except OSError as error:
        path, written, unreadable = error.filename, b"", error
    if path is None and not overrides:
        return default_plan()
    plan = None if unreadable else read_quickly(written, overrides)
    if plan is not None:
        return plan

    from engine.config.reader import plan_for_kill, plan_without

    return plan_for_kill(path) if unreadable is None else plan_without(path, unreadable)


def occupy_standard_streams() -> None:
    """Where a standard stream is closed, put nothing there: a socket must never become what messages are written to.
    Standard output then goes where errors go, for the verdict has to be somewhere."""
    closed = set()
    try:
        while (fd := os.open(os.devnull, os.O_RDWR)) <= ERR:
            closed.add(fd)
        os.close(fd)
        if OUT in closed and ERR not in closed:
            os.dup2(ERR, OUT)
    except OSError:
        return  # no descriptor to be had: then none is free to be mistaken either


def not_loaded(strike: first_strike.FirstStrike, error: ImportError) -> str:
    """What to say when this installation is broken: the cancels may have gone out, and nothing else will."""
    for attempt in strike.finish():
        attempt.strike_all_the_same()
    names = {attempt: attempt.target.name for attempt in strike.attempts}
    struck = [name for attempt, name in names.items() if attempt.state == first_strike.STRUCK]
    missed = [name for attempt, name in names.items() if attempt.state != first_strike.STRUCK]
    places = [f"{one.target.name} ({one.target.host}:{one.target.port})" for one in strike.attempts]
    return (
        f"NOT FLAT. This installation is broken ({error}), so no position was closed.\n"
        f"A global cancel was sent to: {', '.join(struck) or 'nobody'}. Not reached: {', '.join(missed) or 'nobody'}.\n"
        f"Close the positions in TWS now, of {', '.join(places) or 'every login'}: right-click the portfolio, "
        "Close All Positions. IBKR: 1-877-442-2757.\n"
    )


def leave(text: str, fd: int, code: int) -> NoReturn:
    stream = sys.stdout if fd == 1 else sys.stderr
    if stream is not None:
        try:
            stream.write(text)
            stream.flush()
        except OSError:
            os._exit(code)  # nobody reads it, and the interpreter's end would say so once more
    sys.exit(code)
