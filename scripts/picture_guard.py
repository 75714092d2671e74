"""Draw docs/images/status.svg, what `qe status --watch` shows beside a guard, and docs/images/page.png, the page.

make picture

The guard is a real one, in a process of its own beside a simulated TWS: a halt by a person, an engine that has fallen
silent, and nobody who has acknowledged any of it.
"""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
COLUMNS = 120
PATIENCE_S = 60.0
SETTINGS = "\n[guard]\nheartbeat_tell_s = 5\nheartbeat_halt_s = 0\n"


@contextmanager
def processes(home: Path) -> Iterator[None]:
    """A simulated TWS with two logins, and a guard."""
    from engine.desk.exchange_truth import Truth

    world = subprocess.Popen(
        [sys.executable, "-m", "engine.desk.drill_world", "calm"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert world.stdout is not None and world.stdin is not None
    logins = msgspec.json.decode(world.stdout.readline(), type=Truth).logins
    tables = (f'[logins.{one.name}]\nmode = "{one.mode}"\nport = {one.port}\n' for one in logins.values())
    (home / "quant-engine.toml").write_text("".join(tables) + SETTINGS)
    guard = subprocess.Popen([sys.executable, "-m", "engine.cli", "guard", "run"], stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        guard.send_signal(signal.SIGTERM)
        guard.wait(PATIENCE_S)
        world.stdin.close()
        world.wait(PATIENCE_S)


def told(home: Path) -> dict[str, Any]:
    """What the guard says once it sees everything."""
    from engine.guard.control import NoGuard, Request, ask

    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            found = ask(home, Request("status"))
        except NoGuard:
            found = {"logins": {}}
        logins = found["logins"].values()
        if logins and all(one["limits"]["limits"] and one["limits"]["limits"][0]["left"] for one in logins):
            return found
        time.sleep(0.2)
    raise RuntimeError("the guard did not come to see the logins")


def status(home: Path) -> None:
    from engine.cli.login_names import choose_or_tell
    from engine.cli.status_command import _guard
    from engine.cli.status_view import view
    from engine.trading.rules import open_rules

    with processes(home):
        told(home)
        (home / "heartbeats" / "my-strategy").touch()
        subprocess.run(
            [sys.executable, "-m", "engine.cli", "halt", "paper", "--reason", "news at two"],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        time.sleep(8)  # the engine has fallen silent by then
        chosen = choose_or_tell("status", [], None)
        assert chosen is not None
        rules = open_rules(home)
        states = {one.name: rules.state(one.scope) for one in chosen.logins}
        modes = {one.name: one.mode for one in chosen.logins}
        picture = view(
            modes, states, told(home), _guard(time.time_ns()), drill="2026-11-20 calm: passed", columns=COLUMNS
        )
        console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True, color_system="truecolor")
        console.print(picture)
        console.save_svg(str(IMAGES / "status.svg"), title="qe status --watch")


def page() -> None:
    from engine.config.model import default_config
    from engine.desk.page_pdf import png
    from engine.desk.runbook import runbook
    from engine.desk.runbook_facts import generic

    made = png(runbook(generic(default_config(), datetime.now(UTC).date())))
    (IMAGES / "page.png").write_bytes(made)


def main() -> int:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        home = Path(folder)
        os.environ |= {
            "QE_HOME": folder,
            "QE_CONFIG": str(home / "quant-engine.toml"),
            "QE_INCIDENT_LOG": str(home / "log.md"),
        }
        from engine.broker.closing_right import SIMULATED_WORLD

        os.environ[SIMULATED_WORLD] = folder
        status(home)
    page()
    print(f"wrote {IMAGES / 'status.svg'} and {IMAGES / 'page.png'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
