"""Load: 20 logins with 250 positions each, and each of them loses a quarter of its worth within the same second.

    make load                                  # prints the figures
    python benchmarks/load.py --record FILE    # … and keeps them there, for docs/evidence.md

A guard in a process of its own, as it is installed, watches all logins with one configuration; the simulated TWSs are
another process. Measured: from each breach to that login's first cancel, its last closing order and flat in the
exchange's own truth; whether any close made a position larger or turned it round; what the guard's journal says of each
kill; the guard's lag and memory. Up to a second of each is TWS's, which tells profit and loss once a second. Linux
only: the kernel's accounts of a process are read from /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec

from _processes import HERE, go_first
from bench_guard_load import cpu_s, peak_mb, told
from engine.broker.closing_right import SIMULATED_WORLD
from engine.journal import chain
from engine.journal.events import KillEnded, KillPressed
from engine.journal.sqlite_store import SqliteStore
from run_all import here

LOGINS, POSITIONS = 20, 250
PATIENCE_S = 180.0
CALM_S = 15.0  # until a guard that has just started has held a report against profit and loss (decision 22)


class Brokers:
    """The simulated TWSs."""

    def __init__(self) -> None:
        command = [sys.executable, str(HERE / "_load_tws.py"), str(LOGINS), str(POSITIONS)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports: dict[str, int] = self._line()

    def say(self, command: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return self._line()

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(20)

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


def start_guard(folder: Path, ports: dict[str, int]) -> subprocess.Popen[bytes]:
    config = folder / "quant-engine.toml"
    config.write_text("".join(f'[logins.{name}]\nmode = "paper"\nport = {port}\n' for name, port in ports.items()))
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "QE_HOME": str(folder),
        "QE_INCIDENT_LOG": str(folder / "log.md"),
        SIMULATED_WORLD: str(folder),
    }
    command = [sys.executable, "-m", "engine.cli", "guard", "run", "--config", str(config)]
    with (folder / "out").open("wb") as out:
        return subprocess.Popen(command, env=environment, stdout=out, stderr=out)


def wait_until(what: str, holds: Any, every_s: float = 0.25) -> None:
    end = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() >= end:
            raise RuntimeError(f"not within {PATIENCE_S:g} s: {what}")
        time.sleep(every_s)


def sees_all(folder: Path) -> bool:
    logins = told(folder).get("logins", {})
    return len(logins) == LOGINS and all(
        one["limits"]["limits"] and one["limits"]["limits"][-1]["loss"] is not None for one in logins.values()
    )


def kills_in_the_journal(folder: Path) -> tuple[int, int, int]:
    """(logins pressed, logins whose kill ended flat, records in all)."""
    store = SqliteStore(folder / "journal")
    try:
        records = list(store.read())
    finally:
        store.close()
    events = [chain.opened(record).event for record in records]
    pressed = {scope.login for event in events if isinstance(event, KillPressed) for scope in event.scopes}
    flat = {scope.login for event in events if isinstance(event, KillEnded) and event.flat for scope in event.scopes}
    return len(pressed), len(flat), len(records)


def spread(after: dict[str, int], before: dict[str, int]) -> dict[str, float]:
    """Milliseconds: the median and the worst of all logins."""
    taken = [(after[name] - before[name]) / 1e6 for name in before]
    return {"median_ms": round(statistics.median(taken), 1), "worst_ms": round(max(taken), 1)}


def measure(folder: Path) -> dict[str, Any]:
    brokers = Brokers()
    guard = start_guard(folder, brokers.ports)
    try:
        wait_until("the guard sees every login", lambda: sees_all(folder))
        time.sleep(CALM_S)
        ready_mb, cpu_began, lags = peak_mb(guard.pid), cpu_s(guard.pid), list[float]()
        brokers.say("fall")
        seen: dict[str, Any] = {}

        def flat() -> bool:
            seen.update(brokers.say("seen"))
            lags.append(told(folder).get("lag_s", 0.0))
            return len(seen["flat_ns"]) == LOGINS

        wait_until("every login is flat", flat, 0.1)
        wait_until("every kill has its record", lambda: kills_in_the_journal(folder)[1] == LOGINS)
        pressed, ended_flat, records = kills_in_the_journal(folder)
        cpu, memory = cpu_s(guard.pid) - cpu_began, peak_mb(guard.pid)
    finally:
        guard.send_signal(signal.SIGTERM)
        guard.wait(60)
        brokers.end()
    fell = seen["fell_ns"]
    return {
        "logins": LOGINS,
        "positions": LOGINS * POSITIONS,
        "breaches_within_s": round((max(fell.values()) - min(fell.values())) / 1e9, 2),
        "first_cancel": spread(seen["first_cancel_ns"], fell),
        "last_close": spread(seen["last_close_ns"], fell),
        "flat": spread(seen["flat_ns"], fell),
        "closes": sum(seen["closes"].values()),
        "left": seen["left"],
        "turned_round": seen["turned_round"],
        "pressed": pressed,
        "ended_flat": ended_flat,
        "records": records,
        "lag_worst_ms": round(1000 * max(lags), 1),
        "cpu_s": round(cpu, 1),
        "ready_mb": round(ready_mb, 1),
        "peak_mb": round(memory, 1),
    }


def keep(path: Path, what: str, figures: dict[str, Any]) -> None:
    """Beside what else is in the file."""
    held = msgspec.json.decode(path.read_bytes()) if path.exists() else {}
    held[what] = figures
    made = path.with_suffix(".new")
    made.write_bytes(msgspec.json.format(msgspec.json.encode(held), indent=1) + b"\n")
    made.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--record", type=Path, metavar="FILE", help="keep the figures there")
    arguments = parser.parse_args()
    if not Path("/proc/self/stat").exists():
        print("not measured: this system has no /proc")
        return 0
    go_first()
    load = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        figures = {**here(), "load_before": load, **measure(Path(folder))}
    print(json.dumps(figures, indent=1))
    if arguments.record is not None:
        keep(arguments.record, "load", figures)
    whole = (figures["ended_flat"], figures["left"], figures["turned_round"]) == (LOGINS, 0, 0)
    return 0 if whole else 1


if __name__ == "__main__":
    sys.exit(main())
