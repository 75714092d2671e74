"""Scenario files: who holds what, which orders rest, where prices go, what goes wrong, and how it should end.

This file reads and checks them; `build.py` makes a world of one. A scenario with `base` takes over whatever that one
says and it does not say itself.
"""

from __future__ import annotations

import tomllib
from datetime import datetime
from decimal import Decimal
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

import msgspec

from engine.simulator.faults import ALL, AnyFault
from engine.simulator.strict import Reader
from engine.wire import replies, requests

Outcome = Literal["flat", "residue", "unknown", "unreachable"]
BASES_MAX = 5


class ScenarioError(ValueError):
    """A scenario that cannot be used. Lists everything that is wrong with it."""

    def __init__(self, name: str, complaints: list[str]) -> None:
        super().__init__("\n".join([f"scenario {name} cannot be used:", *(f"  {text}" for text in complaints)]))
        self.complaints = tuple(complaints)


class _Table(msgspec.Struct, frozen=True, kw_only=True):
    """Base of everything in a scenario file."""


class PositionSetup(_Table, frozen=True):
    contract: str
    quantity: Decimal  # signed
    price: Decimal | None = None  # average price; default: the price at the start


class AccountSetup(_Table, frozen=True):
    id: str
    cash: Decimal
    positions: tuple[PositionSetup, ...] = ()


class OrderSetup(_Table, frozen=True):
    """A working order. Prices are absolute, or in percent of the price at the start."""

    contract: str
    action: Literal["BUY", "SELL"]
    quantity: Decimal
    type: Literal["MKT", "LMT", "STP", "STP LMT", "TRAIL", "MIDPRICE"] = "LMT"
    client_id: int = 0  # 0: typed into TWS
    account: str = ""  # default: the first
    limit: Decimal | None = None
    limit_pct: Decimal | None = None
    stop: Decimal | None = None
    stop_pct: Decimal | None = None
    trail_pct: Decimal | None = None
    tif: Literal["DAY", "GTC", "IOC"] = "GTC"
    oca_group: str = ""
    transmit: bool = True
    outside_rth: bool = False
    order_ref: str = ""


class LoginPlan(_Table, frozen=True):
    name: str
    mode: Literal["paper", "live"]
    accounts: tuple[AccountSetup, ...]
    orders: tuple[OrderSetup, ...] = ()
    ports: tuple[int, ...] = ()  # default: TWS's and IB Gateway's for the mode
    market_data: Literal["live", "delayed", "none"] = "live"
    messages_per_s: int | None = 50  # 0: no limit


class MarketPlan(_Table, frozen=True):
    """One contract's market, from the start."""

    contract: str
    price: Decimal | None = None
    spread_ticks: int | None = None
    depth: Decimal | None = None
    no_bid: bool = False
    no_ask: bool = False
    daily_move_pct: Decimal | None = None
    closed: bool = False


class PricePoint(_Table, frozen=True):
    """The contract trades at this price at that time after the start, and moves on from there."""

    contract: str
    at_s: float
    price: Decimal


class Expect(_Table, frozen=True):
    """How a kill should end, and why something may be left."""

    text: str
    paper: Outcome | None = None
    live: Outcome | None = None
    reasons: tuple[str, ...] = ()  # of residue, any of these

    def of(self, login: str) -> str | None:
        found: str | None = getattr(self, login, None)
        return found


class Scenario(_Table, frozen=True):
    """One scenario, complete."""

    title: str
    story: str
    expect: Expect
    start: datetime
    logins: tuple[LoginPlan, ...]
    base: str = ""
    seed: int = 1
    moves: bool = True
    kill_after_s: float = 3.0  # how long the drill lets the market move before it pulls the switch
    deadline_s: float = 120.0  # the kill's, in the drill
    markets: tuple[MarketPlan, ...] = ()
    prices: tuple[PricePoint, ...] = ()
    faults: tuple[AnyFault, ...] = ()

    @property
    def start_ns(self) -> int:
        return int(self.start.timestamp()) * 1_000_000_000


def list_scenarios() -> list[str]:
    """The names of the ready-made scenarios, the default first."""
    names = sorted(entry.name[:-5] for entry in _folder().iterdir() if entry.name.endswith(".toml"))
    return sorted(names, key=lambda name: name != "calm")


def load_scenario(name_or_path: str | Path) -> Scenario:
    """Read a ready-made scenario by its name, or one from a file. Raises ScenarioError with every complaint."""
    name = str(name_or_path)
    data = _merged(name, 0)
    reader = Reader()
    scenario = reader.struct(Scenario, data, "")
    if scenario is not None:
        _check(scenario, reader)
    if scenario is None or reader.complaints:
        raise ScenarioError(name, reader.complaints)
    return scenario


def _merged(name: str, depth: int) -> dict[str, Any]:
    """The file's data over its base's."""
    try:
        data = tomllib.loads(_text(name))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(name, [f"not readable as TOML: {error}"]) from error
    base = data.get("base")
    if not base:
        return data
    if depth >= BASES_MAX or not isinstance(base, str):
        raise ScenarioError(name, [f"base: {base!r} leads nowhere"])
    return {**_merged(base, depth + 1), **data}


def _text(name: str) -> str:
    path = Path(name)
    if path.suffix == ".toml":
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            raise ScenarioError(name, [f"cannot be read: {error.strerror}"]) from error
    entry = _folder() / f"{name}.toml"
    if not entry.is_file():
        raise ScenarioError(name, [f"there is no such scenario; there are: {', '.join(list_scenarios())}"])
    return entry.read_text(encoding="utf-8")


def _folder() -> Traversable:
    return resources.files("engine.simulator") / "scenarios"


# --- what types cannot say ----------------------------------------------------------------------------
def _check(scenario: Scenario, reader: Reader) -> None:
    """Names that must be known, unique or agree with each other."""
    if scenario.start.tzinfo is None:
        reader.complain("start", "needs a time zone, as in 2026-03-11T10:30:00-04:00")
    names = [login.name for login in scenario.logins]
    if len(set(names)) != len(names) or not names:
        reader.complain("logins", f"need different names, at least one: {names}")
    for index, login in enumerate(scenario.logins):
        _check_login(login, f"logins[{index}]", reader)
    for index, fault in enumerate(scenario.faults):
        _check_fault(fault, f"faults[{index}]", names, reader)


def _check_login(login: LoginPlan, where: str, reader: Reader) -> None:
    accounts = [account.id for account in login.accounts]
    if not accounts or len(set(accounts)) != len(accounts):
        reader.complain(f"{where}.accounts", f"need different ids, at least one: {accounts}")
    for account in login.accounts:
        for held in account.positions:
            if held.contract.startswith("BAG"):
                reader.complain(f"{where}.accounts", f"{held.contract!r} cannot be held: list its legs instead")
    for index, order in enumerate(login.orders):
        here = f"{where}.orders[{index}]"
        if order.account and order.account not in accounts:
            reader.complain(
                f"{here}.account", f"{order.account} is not an account of this login: {', '.join(accounts)}"
            )
        if order.type in ("LMT", "STP LMT") and (order.limit is None) == (order.limit_pct is None):
            reader.complain(here, "needs one of limit, limit_pct")
        if order.type in ("STP", "STP LMT") and (order.stop is None) == (order.stop_pct is None):
            reader.complain(here, "needs one of stop, stop_pct")
        if order.type == "TRAIL" and (order.trail_pct is None) == (order.stop is None):
            reader.complain(here, "needs one of trail_pct, stop (the trailing amount)")


_REQUESTS = {
    name for name, kind in vars(requests).items() if isinstance(kind, type) and issubclass(kind, requests.Request)
}
_REPLIES = {name for name, kind in vars(replies).items() if isinstance(kind, type) and issubclass(kind, replies.Reply)}
_TRIGGERS = _REQUESTS | {"CloseOrder"}


def _check_fault(fault: AnyFault, where: str, logins: list[str], reader: Reader) -> None:
    if fault.login and fault.login not in logins:
        reader.complain(f"{where}.login", f"{fault.login!r} is not a login here: {', '.join(logins)}")
    if fault.on and fault.on not in _TRIGGERS:
        reader.complain(
            f"{where}.on", f"{fault.on!r} is not a request; for example PlaceOrder, ReqGlobalCancel, CloseOrder"
        )
    for field, allowed in (("requests", _TRIGGERS), ("replies", _REPLIES)):
        for name in getattr(fault, field, ()):
            if name not in allowed:
                reader.complain(f"{where}.{field}", f"{name!r} is not one; allowed: {', '.join(sorted(allowed))}")


FAULT_KINDS: tuple[str, ...] = tuple(sorted(str(kind.__struct_config__.tag) for kind in ALL))
