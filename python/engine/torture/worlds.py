"""Logins of a torture run: what they hold and what they work at first. Most are small: most mistakes need little."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Literal

from msgspec.structs import replace

from engine.simulator.scenario import AccountSetup, LoginPlan, OrderSetup, PositionSetup
from engine.torture.draw import Lot

D = Decimal
ORDINARY = datetime.fromisoformat("2026-03-11T10:30:00-04:00")
CONTRACTS = (
    "AAPL",
    "MSFT",
    "SPY",
    "FUT ES",
    "FUT MES",
    "FUT CL",
    "FUT ZN",
    "OPT SPY 20260417 580 P",
    "OPT SPY 20260417 620 C",
    "OPT AAPL 20260417 250 C",
)
WORTH_NOTHING = ("OPT AAPL 20260417 250 C",)  # on its last days: no limit order has a price
QUANTITIES = (-12, -5, -2, -1, 1, 2, 3, 7, 20)
LOSES = "AAPL"
SHARES, PRICE = D(400), D(230)
ACCOUNTS = {"paper": ("DU1", "DU2"), "live": ("U1", "U2")}


def login(lot: Lot, name: str) -> LoginPlan:
    """A few positions and a few orders."""
    contracts = lot.rng.sample(CONTRACTS, len(CONTRACTS))
    held = tuple(
        PositionSetup(contract=contracts[number], quantity=D(lot.pick(QUANTITIES))) for number in range(1 + lot.few(5))
    )
    orders: dict[str, OrderSetup] = {}
    worth = [one for one in contracts if one not in WORTH_NOTHING]
    for number in range(lot.few(4)):
        order = _resting(lot, lot.pick(worth[:4]))
        # TWS refuses two sides of one US option: one order in each
        orders[order.contract if order.contract.startswith("OPT") else f"{number}"] = order
    plan = _plan(name, D(10_000_000), held, tuple(orders.values()))
    return _with_another_account(lot, plan) if lot.chance(20) else plan


def _with_another_account(lot: Lot, plan: LoginPlan) -> LoginPlan:
    """A second account in the login, with some of the same contracts and others."""
    contracts = lot.rng.sample(CONTRACTS, lot.number(1, 4))
    held = tuple(PositionSetup(contract=one, quantity=D(lot.pick(QUANTITIES))) for one in contracts)
    name = ACCOUNTS[plan.name][1]
    other = AccountSetup(id=name, cash=D(10_000_000), positions=held)
    resting = (replace(_resting(lot, held[0].contract), account=name),) if held[0].contract not in WORTH_NOTHING else ()
    return replace(plan, accounts=(*plan.accounts, other), orders=(*plan.orders, *resting))


def small(name: str) -> LoginPlan:
    """A stock, a future and a short option; an order that adds, and one that protects."""
    held = (
        PositionSetup(contract="AAPL", quantity=D(7)),
        PositionSetup(contract="FUT MES", quantity=D(-2)),
        PositionSetup(contract="OPT SPY 20260417 580 P", quantity=D(-3)),
    )
    orders = (
        OrderSetup(contract="AAPL", action="BUY", quantity=D(5), type="LMT", limit_pct=D(96), client_id=1),
        OrderSetup(contract="FUT MES", action="BUY", quantity=D(2), type="STP", stop_pct=D(104), client_id=0),
    )
    return _plan(name, D(10_000_000), held, orders)


def losing(name: str) -> LoginPlan:
    """A login worth a hundred thousand, nearly all of it in one stock."""
    held = PositionSetup(contract=LOSES, quantity=SHARES, price=PRICE)
    return _plan(name, D(100_000) - SHARES * PRICE, (held,), ())


def _plan(name: str, cash: Decimal, held: tuple[PositionSetup, ...], orders: tuple[OrderSetup, ...]) -> LoginPlan:
    account = AccountSetup(id=ACCOUNTS[name][0], cash=cash, positions=held)
    mode: Literal["paper", "live"] = "paper" if name == "paper" else "live"
    return LoginPlan(name=name, mode=mode, accounts=(account,), orders=orders, few_values=True)


def _resting(lot: Lot, contract: str) -> OrderSetup:
    """A limit away from the market, or a stop beyond it."""
    buys, stop = lot.chance(50), lot.chance(40)
    far = D(96) if buys is not stop else D(104)
    return OrderSetup(
        contract=contract,
        action="BUY" if buys else "SELL",
        quantity=D(lot.number(1, 12)),
        type="STP" if stop else "LMT",
        limit_pct=None if stop else far,
        stop_pct=far if stop else None,
        client_id=lot.pick((0, 1, 3, 9000)),
        order_ref=lot.pick(("rests", "exit", "QEKILL-older-1")),
    )
