"""The journal beside the bare system calls that its work cannot do without, in the same run.

    .venv/bin/python benchmarks/bench_journal.py [--quick] [--folder FOLDER]

A durable append is held against a plain append of the same bytes with fdatasync, on the same disk and the same core,
taking turns. Behind each comes a check, as before every order: it takes in what was appended, and has a row of its own.
A halt is looked for by another process than the one that appends.

The log in front of the journal's file is overwritten again and again once it is as long as it gets; until then it
grows, which costs the file system more, and much more where other programs write. Both are measured; what is required
is held against the first.

Other programs that compute meanwhile slow the journal more than the disk, which is waited for. Where one may,
`chrt -f 1` before the command keeps them out of it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec

from _processes import choose_cores, move_to
from _table import Row, show
from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.journal import chain
from engine.journal.events import OrderIntent, Restricted
from engine.journal.history import line
from engine.journal.journal import Journal, open_journal

SCOPE = Scope("paper", "127.0.0.1:7497", ("DU1234567",))
INTENT = OrderIntent(
    scope=SCOPE,
    account="DU1234567",
    order_ref="engine-0001",
    con_id=495512563,
    symbol="ES",
    action="BUY",
    quantity=Decimal(1),
    order_type="LMT",
    limit_price=Decimal("5000.25"),
)
TOGETHER = 100
WARM_UP = 360  # appends of a hundred after which the log is as long as it gets: from then on it is overwritten
REST_NS = 500_000  # before each append, whoever makes it
CHECKS = 20_000
APPENDER = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[2:]
from bench_journal import halt
from engine.journal.journal import open_journal
journal = open_journal(Path(sys.argv[1]), actor="bench")
for line in sys.stdin:
    journal.append(halt(line.strip()))
    print("halted", flush=True)
"""


def halt(id: str) -> Restricted:
    return Restricted(
        restriction=Restriction(
            id=id,
            scope=SCOPE,
            kind=Kind.HALT,
            cause=Cause.MANUAL,
            since_ns=0,
            until_ns=1,
            actor="bench",
            reason="bench",
        )
    )


class Plain:
    """What a durable append cannot do without: the bytes, and the disk's word for them."""

    def __init__(self, path: Path, size: int) -> None:
        self.fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self.data = b"x" * size
        self.sync = getattr(os, "fdatasync", os.fsync)

    def append(self, count: int = 1) -> None:
        os.write(self.fd, self.data * count)
        self.sync(self.fd)


def appends(journal: Journal, plain: Plain, rounds: int, each: int) -> dict[str, list[float]]:
    """Nanoseconds of each contender in each round; they take turns within it, each a few times."""
    hundred = [msgspec.structs.replace(INTENT, order_ref=f"engine-{number:04}") for number in range(TOGETHER)]
    growing = while_it_grows(journal, plain, rounds * each // 4)
    for _ in range(WARM_UP):
        journal.append(*hundred)
        journal.check(SCOPE, time.time_ns())
    contenders: dict[str, Callable[[], object]] = {
        "plain": plain.append,
        "journal": lambda: journal.append(INTENT),
        "plain hundred": lambda: plain.append(TOGETHER),
        "journal hundred": lambda: journal.append(*hundred),
    }
    taken: dict[str, list[float]] = {name: [] for name in (*contenders, "check", "check hundred")}
    for number in range(rounds + 2):
        spent = dict.fromkeys(taken, 0)
        for _ in range(each):
            for name, run in contenders.items():
                rest()
                started_ns = time.perf_counter_ns()
                run()
                ended_ns = time.perf_counter_ns()
                spent[name] += ended_ns - started_ns
                if name.startswith("journal"):
                    journal.check(SCOPE, time.time_ns())
                    spent[name.replace("journal", "check")] += time.perf_counter_ns() - ended_ns
        if number >= 2:
            for name, value in spent.items():
                taken[name].append(value / each)
    return {**taken, **growing}


def while_it_grows(journal: Journal, plain: Plain, count: int) -> dict[str, list[float]]:
    """Of a journal that was just begun: nobody has copied its log yet, so that it could be overwritten."""
    taken: dict[str, list[float]] = {"plain at first": [], "journal at first": []}
    for _ in range(count):
        for name, run in (("plain at first", plain.append), ("journal at first", lambda: journal.append(INTENT))):
            rest()
            started_ns = time.perf_counter_ns()
            run()
            taken[name].append(time.perf_counter_ns() - started_ns)
    return taken


def checks(journal: Journal, folder: Path, rounds: int) -> tuple[float, float]:
    """Microseconds of a check while nothing happens, and of the first one after another process's halt."""
    here = str(Path(__file__).parent)
    source = str(Path(__file__).parents[1] / "python")
    child = subprocess.Popen(
        [sys.executable, "-c", APPENDER, str(folder), here, source], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert child.stdin is not None
    assert child.stdout is not None
    quiet, first = [], []
    journal.check(SCOPE, 0)
    for number in range(rounds):
        child.stdin.write(f"h{number}\n".encode())
        child.stdin.flush()
        child.stdout.readline()
        started_ns = time.perf_counter_ns()
        state = journal.check(SCOPE, 0)
        first.append(time.perf_counter_ns() - started_ns)
        if all(one.id != f"h{number}" for one in state.standing):
            raise SystemExit(2)  # a halt that was acknowledged was not seen: nothing here counts
        started_ns = time.perf_counter_ns()
        for _ in range(CHECKS // rounds):
            journal.check(SCOPE, 0)
        quiet.append((time.perf_counter_ns() - started_ns) / (CHECKS // rounds))
    child.stdin.close()
    child.wait()
    return statistics.median(quiet) / 1000, statistics.median(first) / 1000


def share(taken: dict[str, list[float]], mine: str, theirs: str) -> float:
    return statistics.median(a / b for a, b in zip(taken[mine], taken[theirs], strict=True))


def rest() -> None:
    """What the disk still does behind the one before is not for the next one to wait for."""
    until_ns = time.perf_counter_ns() + REST_NS
    while time.perf_counter_ns() < until_ns:
        pass


def microseconds(taken: list[float]) -> float:
    return statistics.median(taken) / 1000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few seconds, and less certain")
    parser.add_argument("--folder", type=Path, help="on which disk (default: where temporary files go)")
    arguments = parser.parse_args()
    rounds, each = (8, 5) if arguments.quick else (20, 12)
    move_to(choose_cores().measured)
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="qe-bench-") as place:
        folder = Path(place) / "journal"
        journal = open_journal(folder, actor="bench")
        draft = chain.draft(INTENT, actor="bench", at_ns=time.time_ns())
        plain = Plain(Path(place) / "plain", len(line(chain.seal(chain.START, draft))) + 1)
        taken = appends(journal, plain, rounds, each)
        quiet_us, first_us = checks(journal, folder, 20)
        journal.close()
    milliseconds = {name: f"{statistics.median(values) / 1e6:.2f} ms" for name, values in taken.items()}
    beside = f"{milliseconds['journal']} beside {milliseconds['plain']}"
    beside_hundred = f"{milliseconds['journal hundred']} beside {milliseconds['plain']}"
    hundred = share(taken, "journal hundred", "plain")
    return show(
        f"The journal: records of {len(plain.data)} bytes",
        [
            Row("a halt of another process: to check for it (µs)", quiet_us, 5),
            Row("  the first check after it, which reads it (µs)", first_us, None),
            Row("one durable append ÷ a plain one with fdatasync", share(taken, "journal", "plain"), 1.5, beside),
            Row("  while the log of a new journal grows", share(taken, "journal at first", "plain at first"), None),
            Row(
                "100 in one append ÷ one plain with fdatasync",
                hundred,
                3,
                beside_hundred,
            ),
            Row("  ÷ a plain one of all their bytes", share(taken, "journal hundred", "plain hundred"), None),
            Row("the check behind one append, which takes it in (µs)", microseconds(taken["check"]), None),
            Row("  behind a hundred, snapshots and log copies included", microseconds(taken["check hundred"]), None),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
