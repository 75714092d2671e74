"""What does a pre-flight cost, beside NautilusTrader's RiskEngine and VeighNa's risk manager in the same run?

    python benchmarks/bench_preflight.py [--quick]

All judge the same kind of orders: buys and sells of eight shares, at a limit and at the market, all accepted;
README.md says what is counted.
Ends with 1 when a requirement is missed and with 2 when a peer cannot be had.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

from _measure import columns
from _processes import choose_cores, move_to
from _table import Row, show
from engine.core.book import PositionHeard
from engine.core.exposure import Resting, Side
from engine.core.preflight.desk import Preflight
from engine.core.preflight.intent import Intent, Reference
from engine.core.preflight.listing import Listing
from engine.core.preflight.settings import SECOND_NS, ProductLimits, Settings
from engine.core.preflight.verdict import PASS
from engine.core.products import Product
from engine.core.restrictions import UNRESTRICTED, Cause, Kind, Restriction, Scope, State

HERE = Path(__file__).resolve().parent
ENVS = HERE.parent / "scripts" / "client_envs.py"
ACCOUNT, SYMBOLS, ORDERS = "DU1", 8, 1000
START_NS = 1_777_620_000 * SECOND_NS
STEP_NS = 2 * SECOND_NS  # between two orders: no rate, duplicate or repeat rule is near
ACCEPTED_SHARE_MAX = 0.5
HALTED_SHARE_MAX = 0.3
WORKING = 200  # orders in the book meanwhile: the check must not depend on them
HOURS = ";".join(f"202605{day:02}:0000-202605{day}:2400" for day in range(1, 32))
TEN = Decimal(10)

CHECKS = (  # what is looked at for an accepted order: ours, NautilusTrader's with a cash account, VeighNa's
    ("the state of trading", "yes", "yes", "no"),
    ("positions and working orders are known", "yes", "no", "no"),
    ("the account is one of the login's", "yes", "no", "no"),
    ("the contract is known", "yes", "yes", "yes"),
    ("symbols allowed and blocked", "yes", "no", "no"),
    ("the contract has not expired", "yes", "no", "no"),
    ("the market is open", "yes", "no", "no"),
    ("quantity: a number, on the grid", "yes", "yes", "bounds"),
    ("price: a number, on the grid", "yes", "precision", "yes"),
    ("largest quantity of an order", "yes", "yes", "yes"),
    ("largest worth of an order", "yes", "yes", "at a limit"),
    ("worst case of the account, in contracts", "yes", "no", "no"),
    ("worst case of the account, in money", "yes", "no", "no"),
    ("the account's free balance", "whatIf", "yes", "no"),
    ("price collar around a fresh price", "yes", "no", "no"),
    ("duplicate of a late order", "yes", "no", "count"),
    ("the same child over and over", "yes", "no", "count"),
    ("orders in a second", "yes", "yes", "no"),
    ("orders in a minute", "yes", "no", "no"),
    ("orders in a day, cancels and trades in a day", "no", "no", "yes"),
    ("orders that work at the same time", "no", "no", "yes"),
)


class PeerMissing(Exception):
    """The peer could not be set up or started; the text says why."""


class Peer:
    """A peer's process: idle unless asked for a round."""

    def __init__(self, name: str, program: str, orders: int) -> None:
        status = subprocess.run(
            [sys.executable, str(ENVS), "--peers", "--status"], capture_output=True, text=True, check=True
        )
        found = json.loads(status.stdout)[name]
        if not found["ready"]:
            raise PeerMissing(str(found["reason"]).replace("make envs", "scripts/client_envs.py --peers"))
        command = [*found["command"], str(HERE / program), str(orders)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._answer() != "ready":
            raise PeerMissing(f"{name} ended with {self._process.wait()}")

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def round(self, kind: str) -> float:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{kind}\n")
        self._process.stdin.flush()
        return float(self._answer())

    def close(self) -> None:
        self._process.communicate()


def make_desk() -> Preflight:
    """A login with positions and many working orders in other contracts, prices, hours, and limits of every kind."""
    desk = Preflight(
        Settings(
            shares=ProductLimits(account=Decimal(1_000_000), order=Decimal(10_000)),
            order_notional=Decimal(1_000_000),
            account_notional=Decimal(1_000_000_000),
            blocked_symbols=frozenset({"GME"}),
            reference_age_ns_max=3600 * SECOND_NS,
        )
    )
    desk.accounts = (ACCOUNT,)
    held = [PositionHeard(ACCOUNT, con_id, Decimal(5), Product.FUTURES) for con_id in (901, 902)]
    desk.book.read_positions(held, desk.book.mark(), START_NS)
    side = {True: Side.BUY, False: Side.SELL}
    orders = [
        Resting(
            key=(7, number), account=ACCOUNT, con_id=100 + number, side=side[number % 2 == 0], remaining=TEN,
            product=Product.SHARES,
        )
        for number in range(WORKING)
    ]  # fmt: skip
    desk.book.read_orders(orders, desk.book.mark(), START_NS)
    for con_id in (*range(1, SYMBOLS + 1), 901, 902, *range(100, 100 + WORKING)):
        desk.list_contract(listing(con_id))
    quote(desk, START_NS)
    return desk


def listing(con_id: int) -> Listing:
    return Listing(
        con_id=con_id,
        sec_type="FUT" if con_id > 900 else "STK",
        symbol=f"S{con_id}",
        currency="USD",
        multiplier=Decimal(50) if con_id > 900 else None,
        min_tick=Decimal("0.01"),
        trading_hours=HOURS,
        liquid_hours=HOURS,
        time_zone_id="UTC",
    )


def quote(desk: Preflight, now_ns: int) -> None:
    for con_id in (*range(1, SYMBOLS + 1), 901, 902, *range(100, 100 + WORKING)):
        desk.refer(con_id, Reference(Decimal("500.00"), now_ns))


def make_orders() -> list[Intent]:
    """The same orders as the peer's."""
    orders = []
    for number in range(ORDERS):
        con_id, side = number % SYMBOLS + 1, Side.BUY if number // SYMBOLS % 2 else Side.SELL
        if number // SYMBOLS // 2 % 2:
            orders.append(Intent(ACCOUNT, con_id, "STK", f"S{con_id}", side, TEN, "LMT", Decimal("499.90")))
        else:
            orders.append(Intent(ACCOUNT, con_id, "STK", f"S{con_id}", side, TEN, "MKT"))
    return orders


def halted_state() -> State:
    halt = Restriction(
        id="1", scope=Scope("paper"), kind=Kind.HALT, cause=Cause.MANUAL, since_ns=0, actor="", reason="Manual halt"
    )
    return State(Kind.HALT, Decimal(1), (halt,))


class Ours:
    """Our side: each round goes on where the last ended, so that time passes as the rules about rates expect."""

    def __init__(self) -> None:
        self.desk, self.orders, self.now_ns = make_desk(), make_orders(), START_NS
        self.halted = halted_state()
        self.rounds: dict[str, Callable[[], int]] = {
            "accepted": self.accepted,
            "booked": self.booked,
            "halted": self.refused,
            "examined": self.examined,
            "after a price": self.after_a_price,
        }

    def round(self, what: str) -> float:
        """Nanoseconds of processor time for one order."""
        quote(self.desk, self.now_ns)
        began_ns = time.process_time_ns()
        wrong = self.rounds[what]()
        taken_ns = time.process_time_ns() - began_ns
        if wrong:
            raise SystemExit(f"{what}: {wrong} orders were judged otherwise than meant")
        return taken_ns / len(self.orders)

    def accepted(self) -> int:
        """Judged and counted for the rates: what the peer's engine does with an order."""
        judge, count, now_ns, wrong = self.desk.judge, self.desk.activity.passed, self.now_ns, 0
        for order in self.orders:
            now_ns += STEP_NS
            if judge(order, UNRESTRICTED, now_ns) is not PASS:
                wrong += 1
            count(order, now_ns)
        self.now_ns = now_ns
        return wrong

    def booked(self) -> int:
        """The same with the exposure counted before it leaves, and taken out again."""
        desk, now_ns, wrong = self.desk, self.now_ns, 0
        for order in self.orders:
            now_ns += STEP_NS
            if desk.judge(order, UNRESTRICTED, now_ns).failures:
                wrong += 1
            desk.passed(order, (1, now_ns), now_ns)
            desk.book.ended((1, now_ns), filled=False)
        self.now_ns = now_ns
        return wrong

    def refused(self) -> int:
        judge, now_ns, halted, wrong = self.desk.judge, self.now_ns, self.halted, 0
        for order in self.orders:
            now_ns += STEP_NS
            if judge(order, halted, now_ns) is PASS:
                wrong += 1
        self.now_ns = now_ns
        return wrong

    def examined(self) -> int:
        """Without the quick way: what an unusual order costs."""
        wrong = 0
        for order in self.orders:
            self.now_ns += STEP_NS
            wrong += not self.desk.explain(order, UNRESTRICTED, self.now_ns).passed
            self.desk.activity.passed(order, self.now_ns)
        return wrong

    def after_a_price(self) -> int:
        """With a new price of the contract before each order."""
        price, wrong = Reference(Decimal("500.00"), self.now_ns), 0
        for order in self.orders:
            self.now_ns += STEP_NS
            self.desk.refer(order.con_id, price)
            wrong += not self.desk.judge(order, UNRESTRICTED, self.now_ns).passed
            self.desk.activity.passed(order, self.now_ns)
        return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    rounds = 20 if parser.parse_args().quick else 80
    move_to(choose_cores().measured)
    try:
        nautilus = Peer("nautilus_trader", "peer_nautilus_risk.py", ORDERS)
        vnpy = Peer("vnpy", "peer_vnpy_risk.py", ORDERS)
    except PeerMissing as missing:
        print(f"bench_preflight: not measured. {missing}")
        return 2
    ours = Ours()
    peers = {"cash": nautilus, "margin": nautilus, "vnpy": vnpy}
    taken: dict[str, list[float]] = {name: [] for name in (*peers, *ours.rounds)}
    for number in range(rounds + 3):
        for name, values in taken.items():
            value = peers[name].round(name) if name in peers else ours.round(name)
            if number >= 3:  # the first ones warm up
                values.append(value)
    nautilus.close()
    vnpy.close()
    return report(taken)


def report(taken: dict[str, list[float]]) -> int:
    median = {name: statistics.median(values) for name, values in taken.items()}

    def share(one: str, other: str) -> float:
        return statistics.median(a / b for a, b in zip(taken[one], taken[other], strict=True))

    print(columns(("looked at for an accepted order", "ours", "RiskEngine", "VeighNa"), CHECKS))
    print()
    names = {
        "accepted": "ours, accepted",
        "booked": "ours, accepted and put into the book and out again",
        "after a price": "ours, accepted after a new price of its contract",
        "examined": "ours, accepted without the quick way",
        "halted": "ours, refused by a halt",
        "cash": "RiskEngine, cash account",
        "margin": "RiskEngine, margin account (no check of money)",
        "vnpy": "VeighNa's risk manager",
    }
    print(
        columns(
            ("microseconds of processor time, median", ""),
            [(text, f"{median[name] / 1000:.2f}") for name, text in names.items()],
        )
    )
    print()
    of = f"{median['accepted'] / 1000:.2f} of {median['cash'] / 1000:.2f} µs"
    return show(
        "Pre-flight of an order, beside NautilusTrader's RiskEngine (1.221.0) and VeighNa's risk manager (2.0.0)",
        [
            Row("accepted ÷ RiskEngine, cash account", share("accepted", "cash"), ACCEPTED_SHARE_MAX, of),
            Row("accepted ÷ RiskEngine, margin account", share("accepted", "margin"), None),
            Row(
                "accepted ÷ VeighNa's risk manager",
                share("accepted", "vnpy"),
                None,
                f"{median['accepted'] / 1000:.2f} of {median['vnpy'] / 1000:.2f} µs",
            ),
            Row("refused by a halt ÷ accepted", share("halted", "accepted"), HALTED_SHARE_MAX),
        ],
    )


if __name__ == "__main__":
    sys.exit(main())
