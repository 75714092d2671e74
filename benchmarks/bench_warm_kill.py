"""`qe kill` beside a guard that runs (warm) and without one (cold): both begin by themselves, the first cancel counts.

    python benchmarks/bench_warm_kill.py [ROUNDS]

In each round the same world is killed once cold and once warm: two logins with positions, on the simulated TWS of a
process of its own. The guard of a warm round is a fresh one, with a state folder of its own, connected and idle, and
shares the measured core with the kill. Medians.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from _processes import MeasurementFailed, Seen, Server, choose_cores, go_first, is_busy, move_to, run
from _table import Row, show
from engine.broker.closing_right import SIMULATED_WORLD
from engine.guard.control import NoGuard, Request, ask

POSITIONS = 20
ROUNDS = 9
MS = 1e6
PATIENCE_S = 30.0


@dataclass(slots=True)
class Series:
    """Process start → that, in nanoseconds."""

    first: list[int] = field(default_factory=list)  # the first global cancel of either login
    both: list[int] = field(default_factory=list)  # that of the other
    closed: list[int] = field(default_factory=list)  # the last closing order
    ended: list[int] = field(default_factory=list)  # proven flat, and reported

    def take(self, began_ns: int, ended_ns: int, seen: Seen) -> None:
        if len(seen.first_cancel_ns) != 2 or not seen.flat:
            raise MeasurementFailed(f"not killed: {seen}")
        first, both = sorted(seen.first_cancel_ns.values())
        self.first.append(first - began_ns)
        self.both.append(both - began_ns)
        self.closed.append(max(seen.last_close_ns.values()) - began_ns)
        self.ended.append(ended_ns - began_ns)


def environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "QE_HOME": str(folder),
        "QE_INCIDENT_LOG": str(folder / "log.md"),
        SIMULATED_WORLD: str(folder),
    }


def start_guard(folder: Path, config: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "engine.cli", "guard", "run", "--config", str(config)]
    guard = subprocess.Popen(command, env=environment(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            logins = ask(folder, Request("status"))["logins"]
        except NoGuard:
            logins = {}
        if logins and all(one["at_risk"] and not one["waiting_for"] for one in logins.values()):
            time.sleep(1.0)  # its first verification and its first judgements are over
            return guard
        time.sleep(0.05)
    guard.kill()
    raise MeasurementFailed("the guard did not come to see both logins")


def kill(qe: Path, server: Server, series: Series, *, warm: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="qe-") as name:
        folder = Path(name)
        config = folder / "quant-engine.toml"
        tables = (f'[logins.{login}]\nmode = "{login}"\nport = {port}\n' for login, port in server.ports.items())
        config.write_text("".join(tables))
        guard = start_guard(folder, config) if warm else None
        try:
            done = run([str(qe), "kill", "--config", str(config)], environment(folder), folder / "output")
            series.take(done.began_ns, done.ended_ns, server.take())
        finally:
            if guard is not None:
                guard.send_signal(signal.SIGKILL)
                guard.wait()


def rows(cold: Series, warm: Series) -> list[Row]:
    def row(what: str, hot: list[int], plain: list[int], at_most: float | None) -> Row:
        share = median(hot) / median(plain)
        return Row(
            f"warm ÷ cold: start → {what}", share, at_most, f"{median(hot) / MS:.0f} : {median(plain) / MS:.0f} ms"
        )

    return [
        row("first cancel", warm.first, cold.first, 0.8),
        row("both logins' first cancels", warm.both, cold.both, 0.8),
        row("last closing order", warm.closed, cold.closed, None),
        row("proven flat and reported", warm.ended, cold.ended, None),
    ]


def main() -> int:
    qe = Path(sys.executable).with_name("qe")
    if not qe.exists():
        print(f"{qe} is not there: run `make setup`", file=sys.stderr)
        return 2
    if is_busy():
        print("This machine is busy: what is computed is slowed by that. Repeat it alone.")
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    cores, cold, warm = choose_cores(), Series(), Series()
    go_first()
    move_to(cores.server)
    try:
        with Server("_simulated_tws.py", str(POSITIONS)) as server:
            move_to(cores.measured)
            for _ in range(count):
                kill(qe, server, cold, warm=False)
                kill(qe, server, warm, warm=True)
    except MeasurementFailed as error:
        print(f"could not be measured: {error}", file=sys.stderr)
        return 2
    title = f"A kill beside a guard, Python {sys.version.split()[0]}; medians of {count} interleaved rounds"
    return show(title, rows(cold, warm))


if __name__ == "__main__":
    sys.exit(main())
