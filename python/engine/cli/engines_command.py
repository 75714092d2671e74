"""`qe engines`: which engines give signs of life, and ending one without ending every Python."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import msgspec
from rich.console import Console
from rich.text import Text

from engine.cli.exits import EXIT_CANNOT, EXIT_REFUSED, EXIT_USAGE
from engine.config.places import state_folder
from engine.desk.engines import ASKED_S, Ending, EngineFound, Life, end_all, engines

_STYLES = {Life.ALIVE: "green", Life.SILENT: "bold red", Life.DEAD: "red", Life.UNKNOWN: "yellow"}


def engines_here(arguments: argparse.Namespace) -> int:
    """0 well; 1 one did not end; 2 the signs of life cannot be read."""
    home = Path(state_folder())
    try:
        found = engines(home, time.time_ns())
    except OSError as error:
        print(f"qe engines: {error.strerror or error}: {home}", file=sys.stderr)
        return EXIT_CANNOT
    if arguments.action == "stop":
        return _stop(home, found, arguments.names, every=arguments.all)
    if arguments.json:
        print(msgspec.json.encode(found).decode())
        return 0
    console = Console(highlight=False, soft_wrap=True)
    for one in found:
        console.print(_line(one))
    if not found:
        print("no engine gives signs of life here (qe guard run listens for them)")
    return 0


def _stop(home: Path, found: tuple[EngineFound, ...], names: list[str], *, every: bool) -> int:
    known = {one.name: one for one in found}
    if bool(names) == every:
        print("qe engines stop: name the engines, or say --all (one of the two)", file=sys.stderr)
        return EXIT_USAGE
    missing = [name for name in names if name not in known]
    if missing:
        there_are = ", ".join(known) or "none"
        print(f"qe engines stop: there is no engine {missing[0]!r}; there are: {there_are}", file=sys.stderr)
        return EXIT_USAGE
    code, these = 0, list(known.values()) if every else [known[name] for name in dict.fromkeys(names)]
    if these:
        print(f"Ending {', '.join(one.name for one in these)}: asked first, by force after {ASKED_S:g} s", flush=True)
    else:
        print(
            "NOTHING WAS ENDED: no engine gives signs of life here. One that never gave any may run all the same: "
            "pgrep -af python shows its number, and kill -9 NUMBER ends it."
        )
    for one, ending in end_all(home, these):
        print(f"{one.name} (process {one.pid or 'not known'}): {ending.value}", flush=True)
        if ending not in (Ending.ENDED, Ending.FORCED, Ending.GONE):
            code = EXIT_REFUSED
    print("The guard and every kill go on. Positions and orders are as they were: qe status, qe verify.")
    return code


def _line(one: EngineFound) -> Text:
    logins = ", ".join(one.logins) or "every login"
    text = Text(f"{one.name:<28} ")
    text.append(f"{one.life.value:<8}", style=_STYLES[one.life])
    text.append(f" {one.silent_s:.0f} s since its last sign, process {one.pid or 'not known'}, {logins}")
    return text
