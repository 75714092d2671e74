"""How fast is the kill? `qe kill` beside a plain ib_async script and a bare Python, all in the same run.

    python benchmarks/bench_kill.py [--quick]

Prints what is required and what was measured, and ends with 1 when a requirement is missed, 2 when something could
not be measured. Servers run on one core and what is measured on the other; peers take turns, and medians are compared.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

from _processes import (
    HERE,
    Finished,
    MeasurementFailed,
    Seen,
    Server,
    choose_cores,
    go_first,
    is_busy,
    move_to,
    run,
)
from _table import Row, show
from engine.broker import lock_files, lock_sweep

MS = 1e6
MB = 1e6
POSITIONS = 100  # on each of two logins
FLOOR_S = (POSITIONS + 1) / 45  # one connection, a global cancel and its closing orders at 45 messages a second
PEER = str(HERE / "peer_ib_async_kill.py")


@dataclass(frozen=True, slots=True)
class Rounds:
    opening: int
    closing: int


FULL, QUICK = Rounds(40, 7), Rounds(20, 3)


@dataclass(slots=True)
class Series:
    """What one contender did, round by round."""

    first_ns: list[int] = field(default_factory=list)  # process start → first global cancel
    apart_ns: list[int] = field(default_factory=list)  # between the two logins' first global cancels
    last_ns: list[int] = field(default_factory=list)  # process start → last closing order, of the slower login
    wall_ns: list[int] = field(default_factory=list)  # process start → end
    memory_bytes: list[int] = field(default_factory=list)

    def ran(self, finished: Finished) -> None:
        self.wall_ns.append(finished.wall_ns)
        self.memory_bytes.append(finished.memory_bytes)

    def cancelled(self, began_ns: int, first_cancel_ns: dict[str, int]) -> None:
        if len(first_cancel_ns) != 2:
            raise MeasurementFailed(f"a global cancel did not arrive: {first_cancel_ns}")
        first, second = sorted(first_cancel_ns.values())
        self.first_ns.append(first - began_ns)
        self.apart_ns.append(second - first)

    def closed(self, began_ns: int, seen: Seen) -> None:
        if sorted(seen.closes.values()) != [POSITIONS, POSITIONS] or not seen.flat:
            raise MeasurementFailed(f"not {POSITIONS} closing orders a login, or not flat in truth: {seen}")
        self.last_ns.append(max(seen.last_close_ns.values()) - began_ns)


class Bench:
    """The contenders, each in a clean environment: no configuration but its own, no state but its own."""

    def __init__(self, folder: Path, qe: Path) -> None:
        self._config = folder / "quant-engine.toml"
        self._output = folder / "output"
        self._qe = str(qe)
        self._environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            "QE_HOME": str(folder),
            "QE_INCIDENT_LOG": str(folder / "INCIDENT_LOG.md"),
        }
        self._cores = choose_cores()
        go_first()

    def serve(self, script: str, *arguments: str) -> Server:
        """Start a measuring server on the server's core, and go back to the measured one."""
        move_to(self._cores.server)
        server = Server(script, *arguments)
        move_to(self._cores.measured)
        return server

    def configure(self, ports: dict[str, int]) -> None:
        """Tell `qe` where the logins are."""
        tables = [f'[logins.{login}]\nmode = "{login}"\nport = {port}\n' for login, port in ports.items()]
        self._config.write_text("\n".join(tables))

    def bare_python(self) -> Finished:
        return self._run(sys.executable, "-c", "pass")

    def kill(self) -> Finished:
        """A kill of the measuring servers: the file is named, so that no other can be found, and no TWS with it."""
        return self._run(self._qe, "kill", "--config", str(self._config))

    def peer(self, ports: dict[str, int], *options: str) -> Finished:
        return self._run(sys.executable, PEER, *(str(ports[login]) for login in ("paper", "live")), *options)

    def _run(self, *command: str) -> Finished:
        return run(list(command), self._environ, self._output)


def measure_opening(bench: Bench, rounds: int) -> dict[str, Series]:
    """Empty accounts: who gets the first global cancel to TWS, and when."""
    series = {name: Series() for name in ("bare", "qe", "peer")}
    with bench.serve("_measuring_tws.py") as tws:
        bench.configure(tws.ports)
        contenders: dict[str, Callable[[], Finished]] = {
            "bare": bench.bare_python,
            "qe": bench.kill,
            "peer": lambda: bench.peer(tws.ports),
        }
        for round_number in range(rounds + 1):
            for name, contender in contenders.items():
                finished = contender()
                seen = tws.take()
                if round_number == 0:
                    continue  # whatever has to be compiled or cached, is now
                series[name].ran(finished)
                if name != "bare":
                    series[name].cancelled(finished.began_ns, seen.first_cancel_ns)
    return series


def measure_closing(bench: Bench, rounds: int) -> dict[str, Series]:
    """Many positions on both logins: how long until the last closing order is at the broker."""
    series = {name: Series() for name in ("qe", "peer", "unwaiting")}
    with bench.serve("_simulated_tws.py", str(POSITIONS)) as tws:
        bench.configure(tws.ports)
        contenders: dict[str, Callable[[], Finished]] = {
            "qe": bench.kill,
            "peer": lambda: bench.peer(tws.ports),
            "unwaiting": lambda: bench.peer(tws.ports, "--no-wait"),
        }
        for _ in range(rounds):
            for name, contender in contenders.items():
                finished = contender()
                series[name].ran(finished)
                series[name].closed(finished.began_ns, tws.take())
    return series


def judge(opening: dict[str, Series], closing: dict[str, Series]) -> list[Row]:
    """Requirements beside what was measured."""
    first = median(opening["qe"].first_ns)
    first_peer, bare = median(opening["peer"].first_ns), median(opening["bare"].wall_ns)
    apart = sorted(opening["qe"].apart_ns)
    last, last_peer = median(closing["qe"].last_ns), median(closing["peer"].last_ns)
    unwaiting = median(closing["unwaiting"].last_ns)
    small, large = (max(series["qe"].memory_bytes) / MB for series in (opening, closing))
    peer_small, peer_large = (max(series["peer"].memory_bytes) / MB for series in (opening, closing))
    return [
        Row("start → first cancel ÷ ib_async script", first / first_peer, 0.25, f"{ms(first)} : {ms(first_peer)}"),
        Row("start → first cancel ÷ bare python -c pass", first / bare, 3.0, f"{ms(first)} : {ms(bare)}"),
        Row(
            "two logins' first cancels apart, median, ms",
            median(apart) / MS,
            5.0,
            f"ib_async {ms(median(opening['peer'].apart_ns))}",
        ),
        Row("two logins' first cancels apart, 95 %, ms", percentile(apart, 95) / MS, 5.0, f"most {ms(apart[-1])}"),
        Row("start → last close ÷ pacing floor", last / 1e9 / FLOOR_S, 0.6, f"{ms(last)} : {FLOOR_S * 1000:.0f} ms"),
        Row("start → last close ÷ ib_async script", last / last_peer, 1 / 6, f"{ms(last)} : {ms(last_peer)}"),
        Row("… ÷ ib_async script that waits for no fill", last / unwaiting, None, f"{ms(last)} : {ms(unwaiting)}"),
        Row("peak memory, empty accounts, MB", small, 40.0, f"ib_async {peer_small:.1f} MB"),
        Row(f"peak memory, {2 * POSITIONS} positions, MB", large, 40.0, f"ib_async {peer_large:.1f} MB"),
        Row(
            "start → proven flat and reported, s",
            median(closing["qe"].wall_ns) / 1e9,
            None,
            f"{2 * POSITIONS} positions; ib_async proves nothing",
        ),
    ]


def ms(ns: float) -> str:
    return f"{ns / MS:.1f} ms"


def percentile(ordered: list[int], percent: int) -> int:
    """The smallest value that so many per cent of all do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def main() -> int:
    parser = argparse.ArgumentParser(description="How fast is the kill, beside its peers?")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: under a minute")
    rounds = QUICK if parser.parse_args().quick else FULL
    qe = Path(sys.executable).with_name("qe")
    if not qe.exists():
        print(f"{qe} is not there: run `make setup`", file=sys.stderr)
        return 2
    if is_busy():
        print(
            "This machine is busy. What is computed is slowed by that, what is only waited for is not: repeat it alone."
        )
    now = time.time() + lock_sweep.AGE_S_MIN  # today's too: what nobody holds
    lock_sweep.sweep(lock_files.shared_directory(), wall_s=now)  # tests leave them by the thousand, and kills read them
    try:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(Path(folder), qe)
            opening = measure_opening(bench, rounds.opening)
            closing = measure_closing(bench, rounds.closing)
    except MeasurementFailed as error:
        print(f"could not be measured: {error}", file=sys.stderr)
        return 2
    title = (
        f"The kill, Python {sys.version.split()[0]}; medians of {rounds.opening} interleaved rounds (first cancel)"
        f" and {rounds.closing} (last close)"
    )
    return show(title, judge(opening, closing))


if __name__ == "__main__":
    sys.exit(main())
