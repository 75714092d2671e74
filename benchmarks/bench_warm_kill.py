"""`qe kill` beside a guard that runs (warm) and without one (cold): both begin by themselves, the first cancel counts.

    python benchmarks/bench_warm_kill.py [ROUNDS]

In each round the same world is killed once cold, once warm, and once by the guard's word alone: two logins with
positions, on the simulated TWS of a process of its own. The guard of a round is a fresh one, with a state folder of its
own, connected and idle, and shares the measured core with the kill. Medians.

All of it is done twice: with a TWS that lets a connection in at once, and with one that takes a twentieth of a second.
What is required of which, and why: docs/decisions/0082-what-a-guard-saves-a-press.md.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from _processes import MeasurementFailed, Seen, Server, choose_cores, go_first, is_busy, move_to, run
from _table import Row, show
from engine.broker.closing_right import SIMULATED_WORLD
from engine.cli.warm_guard import hand_over
from engine.guard.control import NoGuard, Request, ask

POSITIONS = 20
ROUNDS = 9
MS = 1e6
PATIENCE_S = 30.0
SHARE_MAX = 0.8
LATER_MS_MAX = 1.0
WORD_MS_MAX, WORD_BOTH_MS_MAX = 5.0, 10.0
LETS_IN_AFTER_S = 0.05  # a connection is in use when TWS has told its accounts and order ids


@dataclass(slots=True)
class Series:
    """Process start → that, in nanoseconds."""

    first: list[int] = field(default_factory=list)  # the first global cancel of either login
    both: list[int] = field(default_factory=list)  # that of the other
    closed: list[int] = field(default_factory=list)  # the last closing order
    ended: list[int] = field(default_factory=list)  # proven flat, and reported

    def take(self, began_ns: int, ended_ns: int, seen: Seen) -> None:
        if len(seen.first_cancel_ns) != 2:
            raise MeasurementFailed(f"not cancelled: {seen}")
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


def told(folder: Path) -> dict[str, Any]:
    """What the guard says of its logins; nothing while it does not answer."""
    try:
        logins: dict[str, Any] = ask(folder, Request("status"))["logins"]
    except NoGuard:
        return {}
    return logins


def start_guard(folder: Path, config: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "engine.cli", "guard", "run", "--config", str(config)]
    guard = subprocess.Popen(command, env=environment(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        logins = told(folder)
        if logins and all(one["at_risk"] and not one["waiting_for"] for one in logins.values()):
            time.sleep(1.0)  # its first verification and its first judgements are over
            return guard
        time.sleep(0.05)
    guard.kill()
    raise MeasurementFailed("the guard did not come to see both logins")


@contextmanager
def scene(server: Server, *, guarded: bool) -> Iterator[tuple[Path, Path]]:
    """A state folder and the configuration in it; the guard runs, where there is one."""
    with tempfile.TemporaryDirectory(prefix="qe-") as name:
        folder = Path(name)
        config = folder / "quant-engine.toml"
        tables = (f'[logins.{login}]\nmode = "{login}"\nport = {port}\n' for login, port in server.ports.items())
        config.write_text("".join(tables))
        guard = start_guard(folder, config) if guarded else None
        try:
            yield folder, config
        finally:
            if guard is not None:
                guard.send_signal(signal.SIGKILL)
                guard.wait()


def kill(qe: Path, server: Server, series: Series, *, warm: bool) -> None:
    with scene(server, guarded=warm) as (folder, config):
        done = run([str(qe), "kill", "--config", str(config)], environment(folder), folder / "output")
        seen = server.take()
        if not seen.flat:
            raise MeasurementFailed(f"not flat in truth: {seen}")
        series.take(done.began_ns, done.ended_ns, seen)


def word(server: Server, series: Series) -> None:
    """The guard alone, from the word on its socket: the press has no process of its own here."""
    with scene(server, guarded=True) as (folder, _):
        began_ns = time.monotonic_ns()
        if not hand_over(str(folder), "EMERGENCY", []):
            raise MeasurementFailed("the guard took no word")
        end = time.monotonic() + PATIENCE_S
        while any(one["at_risk"] is not False or one["killing"] for one in told(folder).values()):
            if time.monotonic() > end:
                raise MeasurementFailed("the guard did not come to an end")
            time.sleep(0.05)
        series.take(began_ns, time.monotonic_ns(), server.take())


def rows(speed: str, cold: Series, warm: Series, alone: Series, *, share_max: float | None) -> list[Row]:
    def share(what: str, hot: list[int], plain: list[int], at_most: float | None) -> Row:
        times = f"{median(hot) / MS:.0f} : {median(plain) / MS:.0f} ms"
        return Row(f"{speed}: warm ÷ cold, start → {what}", median(hot) / median(plain), at_most, times)

    def later(what: str, hot: list[int], plain: list[int], at_most: float | None) -> Row:
        times = f"{median(hot) / MS:.1f} - {median(plain) / MS:.1f} ms"
        return Row(
            f"{speed}: warm later than cold, start → {what}, ms", (median(hot) - median(plain)) / MS, at_most, times
        )

    def way(what: str, moments: list[int], at_most: float) -> Row:
        return Row(f"{speed}: the guard's word → {what}, ms", median(moments) / MS, at_most)

    first = [  # where nothing but the interpreter's start is waited for, there is no share to be saved
        share("first cancel", warm.first, cold.first, share_max),
        share("both logins' first cancels", warm.both, cold.both, share_max),
    ]
    if share_max is None:
        first += [
            later("first cancel", warm.first, cold.first, LATER_MS_MAX),
            later("both logins' first cancels", warm.both, cold.both, LATER_MS_MAX),
        ]
    return [
        *first,
        way("first cancel", alone.first, WORD_MS_MAX),
        way("both logins' first cancels", alone.both, WORD_BOTH_MS_MAX),
        share("last closing order", warm.closed, cold.closed, None),
        share("proven flat and reported", warm.ended, cold.ended, None),
    ]


def measure(qe: Path, count: int, speed: str, lets_in_after_s: float, share_max: float | None) -> list[Row]:
    cores, cold, warm, alone = choose_cores(), Series(), Series(), Series()
    move_to(cores.server)
    with Server("_simulated_tws.py", str(POSITIONS), str(lets_in_after_s)) as server:
        move_to(cores.measured)
        for _ in range(count):
            kill(qe, server, cold, warm=False)
            kill(qe, server, warm, warm=True)
            word(server, alone)
    return rows(speed, cold, warm, alone, share_max=share_max)


def main() -> int:
    qe = Path(sys.executable).with_name("qe")
    if not qe.exists():
        print(f"{qe} is not there: run `make setup`", file=sys.stderr)
        return 2
    if is_busy():
        print("This machine is busy: what is computed is slowed by that. Repeat it alone.")
    count = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    go_first()
    try:
        found = [
            *measure(qe, count, "TWS lets in at once", 0.0, None),
            *measure(qe, count, f"after {LETS_IN_AFTER_S * 1e3:.0f} ms", LETS_IN_AFTER_S, SHARE_MAX),
        ]
    except MeasurementFailed as error:
        print(f"could not be measured: {error}", file=sys.stderr)
        return 2
    title = f"A kill beside a guard, Python {sys.version.split()[0]}; medians of {count} interleaved rounds"
    return show(title, found)


if __name__ == "__main__":
    sys.exit(main())
