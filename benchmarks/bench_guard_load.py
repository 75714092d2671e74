"""The guard under load: 20 logins with 200 positions each, 2 000 updates a second. Does it keep up, and at what cost?

    python benchmarks/bench_guard_load.py [SECONDS]

The TWSs run in one process and the guard in another, with every limit judged and every account value followed. Measured
are the guard's own lag (how late its event loop is) in the first and in the last third of the time, what the TWSs
could not get rid of, its processor time and its memory, and how soon a breach in the middle of it all is answered: each
of the logins falls once, beside a guard of its own.
Linux only: the kernel's accounts of a process are read from /proc.
"""

from __future__ import annotations

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

from _processes import HERE, choose_cores, go_first, is_busy, move_to
from _table import Row, show
from engine.guard.control import NoGuard, Request, ask

LOGINS, POSITIONS, RATE = 20, 200, 2_000
SECONDS = 45.0
PATIENCE_S = 60.0
AGAIN_S = 2.0
CORE = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


class Tws:
    """The talking TWSs."""

    def __init__(self) -> None:
        command = [sys.executable, str(HERE / "_busy_tws.py"), str(LOGINS), str(POSITIONS)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports: list[int] = json.loads(self._line())

    def say(self, command: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        seen: dict[str, Any] = json.loads(self._line())
        return seen

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


def start_guard(folder: Path, ports: list[int]) -> subprocess.Popen[bytes]:
    logins = (f'[logins.l{number}]\nmode = "paper"\nport = {port}\n' for number, port in enumerate(ports))
    config = folder / "quant-engine.toml"
    config.write_text("".join(logins))
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "QE_HOME": str(folder),
        "QE_INCIDENT_LOG": str(folder / "log.md"),
    }
    command = [sys.executable, "-m", "engine.cli", "guard", "run", "--config", str(config)]
    with (folder / "out").open("wb") as out:
        return subprocess.Popen(command, env=environment, stdout=out, stderr=out)


def told(folder: Path) -> dict[str, Any]:
    try:
        return ask(folder, Request("status"), timeout_s=10.0)
    except NoGuard:
        return {}


def wait_until_it_sees_all(folder: Path) -> None:
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        logins = told(folder).get("logins", {})
        if logins and all(one["limits"]["limits"] and one["limits"]["limits"][-1]["loss"] for one in logins.values()):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the guard does not see every login: {(folder / 'out').read_text()[-2000:]}")


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CORE


def peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1000 for line in lines if line.startswith("VmHWM"))


def measure(folder: Path, seconds: float, falls: int = 0) -> tuple[list[Row], float]:
    """The guard's rows, and from the breach of a login to its first cancel, in milliseconds."""
    cores = choose_cores()
    move_to(cores.server)
    tws = Tws()
    move_to(cores.measured)
    guard = start_guard(folder, tws.ports)
    move_to(cores.server)
    try:
        wait_until_it_sees_all(folder)
        tws.say(f"go {RATE}")
        began, cpu_began, lags = time.monotonic(), cpu_s(guard.pid), list[float]()
        while time.monotonic() - began < seconds:
            time.sleep(0.25)
            lags.append(told(folder)["lag_s"] * 1000)
        took, cpu = time.monotonic() - began, cpu_s(guard.pid) - cpu_began
        seen, memory = tws.say("seen"), peak_mb(guard.pid)
        tws.say(f"fall {falls}")
        end = time.monotonic() + PATIENCE_S
        while not (after := tws.say("seen"))["cancelled_ns"][falls] and time.monotonic() < end:
            time.sleep(0.05)
        tws.say("go 0")
    finally:
        guard.send_signal(signal.SIGKILL)
        guard.wait()
        tws.end()
    third = len(lags) // 3
    first, last = statistics.median(lags[:third]), statistics.median(lags[-third:])
    return [
        Row("updates a second that were taken", seen["sent"] / took, None, f"{RATE} asked for"),
        Row("not taken at the end, kB", seen["untaken"] / 1000, 64.0),
        Row("lag of its loop, median of the last third, ms", last, max(2 * first, 50.0), f"first third {first:.1f} ms"),
        Row("lag of its loop, worst, ms", max(lags), None),
        Row("processor time, % of a core", 100 * cpu / took, 50.0),
        Row("peak memory, MB", memory, 200.0),
    ], (after["cancelled_ns"][falls] - after["fell_ns"][falls]) / 1e6


def main() -> int:
    if not Path("/proc/self/stat").exists():
        print("not measured: this system has no /proc")
        return 0
    if is_busy():
        print("This machine is busy: lag and the time of the cancel are slowed by that. Repeat it alone.")
    go_first()
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory(prefix="qe-") as folder:
        rows, breach = measure(Path(folder), seconds)
    breaches = [breach]
    for falls in range(1, LOGINS):
        with tempfile.TemporaryDirectory(prefix="qe-") as folder:
            breaches.append(measure(Path(folder), AGAIN_S, falls)[1])
    rows += [
        Row("breach among all this → first cancel, median, ms", statistics.median(breaches), None),
        Row(f"breach among all this → first cancel, worst of {LOGINS}, ms", max(breaches), 50.0),
    ]
    title = f"The guard under load: {LOGINS} logins × {POSITIONS} positions, {RATE} updates a second, for {seconds:g} s"
    return show(f"{title}, Python {sys.version.split()[0]}", rows)


if __name__ == "__main__":
    sys.exit(main())
