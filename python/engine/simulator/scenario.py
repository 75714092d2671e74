"""Scenario files: who holds what, which orders rest, where prices go, what goes wrong, and how it should end.

This file reads and checks them; `build.py` makes a world of one. A scenario with `base` takes over whatever that one
says and it does not say itself.
"""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec.structs import fields

from engine.simulator import lines
from engine.simulator.exchange import Catalogue
from engine.simulator.faults import ALL, AnyFault, Fault, IntruderOrder
from engine.simulator.server.naming import UnknownContract, find_contract
from engine.simulator.strict import Check, Reader, near
from engine.wire import replies, requests

Outcome = Literal["flat", "residue", "unknown", "unreachable"]
BASES_MAX = 5
PORT_MAX = 65_535


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
    few_values: bool = False  # of the account, to spare time: only those that a program cannot do without


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
    """How a kill should end, and why something may be left. `logins`: by name, those that are not called paper or live;
    in a file they stand beside these two.
    """

    text: str
    paper: Outcome | None = None
    live: Outcome | None = None
    logins: dict[str, Outcome] = {}
    reasons: tuple[str, ...] = ()  # of residue, any of these

    def of(self, login: str) -> str | None:
        if login in self.logins:
            return self.logins[login]
        return {"paper": self.paper, "live": self.live}.get(login)


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


def title_of(name: str) -> str:
    """What a ready-made scenario is about, without reading the rest of it."""
    return str(_parsed(name, _text(name)).get("title", ""))


def load_scenario(name_or_path: str | Path) -> Scenario:
    """Read a ready-made scenario by its name, or one from a file. Raises ScenarioError with every complaint."""
    name = str(name_or_path)
    text = _text(name)
    own = _parsed(name, text)
    places = lines.places(text) if name.endswith(".toml") else {}
    data = _with_expected_logins(_merged(name, own, places, 0))
    places |= {path.replace("expect.", "expect.logins.", 1): line for path, line in places.items()}
    reader = Reader(partial(lines.line_of, {path: line for path, line in places.items() if _top(path) in own}))
    reader.checks = _checks(reader, data)
    scenario = reader.struct(Scenario, data, "")
    if scenario is None or reader.complaints:
        raise ScenarioError(name, reader.complaints)
    return scenario


def _top(path: str) -> str:
    return path.partition(".")[0].partition("[")[0]


def _parsed(name: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(name, [f"not readable as TOML: {error}"]) from error


def _merged(name: str, data: dict[str, Any], places: dict[str, int], depth: int) -> dict[str, Any]:
    """The file's data over its base's."""
    base = data.get("base")
    if not base:
        return data
    where = f"line {places['base']}: base" if "base" in places else "base"
    if depth >= BASES_MAX or not isinstance(base, str):
        raise ScenarioError(name, [f"{where}: {base!r} leads nowhere"])
    try:
        below = _parsed(base, _text(base))
        return {**_merged(base, below, {}, depth + 1), **data}
    except ScenarioError as error:
        raise ScenarioError(name, [f"{where}: {base!r}: {text}" for text in error.complaints]) from error


def _with_expected_logins(data: dict[str, Any]) -> dict[str, Any]:
    """What is expected of logins by other names than paper and live, in a table of its own."""
    expect = data.get("expect")
    if not isinstance(expect, dict) or not isinstance(expect.get("logins", {}), dict):
        return data
    names = {table.get("name") for table in _tables(data, "logins")} - {field.name for field in fields(Expect)}
    told = {key: value for key, value in expect.items() if key in names}
    rest = {key: value for key, value in expect.items() if key not in names}
    return {**data, "expect": {**rest, "logins": {**expect.get("logins", {}), **told}}} if told else data


def _text(name: str) -> str:
    path = Path(name)
    if path.suffix == ".toml":
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            raise ScenarioError(name, [f"cannot be read: {error.strerror}"]) from error
        except UnicodeDecodeError as error:
            raise ScenarioError(name, [f"not readable as TOML: it is not UTF-8 ({error.reason})"]) from error
    entry = _folder() / f"{name}.toml"
    if not entry.is_file():
        known = list_scenarios()
        own = "; a file of your own is given with its ending .toml" if path.exists() or "/" in name else ""
        raise ScenarioError(name, [f"there is no such scenario{near(name, known)}{own}; there are: {', '.join(known)}"])
    return entry.read_text(encoding="utf-8")


def _folder() -> Traversable:
    return resources.files("engine.simulator") / "scenarios"


# --- what types cannot say ----------------------------------------------------------------------------
def _checks(reader: Reader, data: dict[str, Any]) -> dict[type, Check]:
    """What is checked on each record: numbers that make sense, contracts that exist, names that agree."""
    start = data.get("start")
    today = start.date() if isinstance(start, datetime) else datetime(2026, 3, 11, tzinfo=UTC).date()
    catalogue = Catalogue.standard(today)
    logins = [table.get("name") for table in _tables(data, "logins")]
    accounts = [table.get("id") for login in _tables(data, "logins") for table in _tables(login, "accounts")]

    def contract(record: Any, where: str) -> None:
        if record.contract or not isinstance(record, Fault):  # a fault may be about all contracts
            try:
                find_contract(catalogue, record.contract)
            except UnknownContract as error:
                reader.complain(f"{where}.contract", str(error))

    def order(record: OrderSetup | IntruderOrder, where: str) -> None:
        contract(record, where)
        if record.quantity <= 0:
            reader.complain(f"{where}.quantity", f"must be above zero, got {record.quantity}; the side is the action's")

    def position(record: PositionSetup, where: str) -> None:
        contract(record, where)
        _check_position(record, where, reader)

    def point(record: PricePoint, where: str) -> None:
        contract(record, where)
        _not_negative(record, where, reader)

    def fault(record: Fault, where: str) -> None:
        _check_fault(record, where, logins, reader)
        if hasattr(record, "contract"):
            contract(record, where)
        account = getattr(record, "account", "")
        if account and account not in accounts:
            reader.complain(f"{where}.account", f"{account!r} is not an account here: {', '.join(map(str, accounts))}")

    return {
        Scenario: lambda record, where: _check_scenario(record, reader),
        LoginPlan: lambda record, where: _check_login(record, where, reader),
        PositionSetup: position,
        OrderSetup: order,
        IntruderOrder: order,
        MarketPlan: contract,
        PricePoint: point,
        Fault: fault,
    }


def _tables(data: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """The tables of a list, as far as there are any: what is wrong with it is said elsewhere."""
    found = data.get(key)
    return [table for table in found if isinstance(table, dict)] if isinstance(found, list) else []


def _not_negative(record: msgspec.Struct, where: str, reader: Reader) -> None:
    """Times and amounts of time: none lies before the start."""
    for field in msgspec.structs.fields(type(record)):
        value = getattr(record, field.name)
        if field.name.endswith(("_s", "seconds", "_s_max")) and isinstance(value, int | float) and value < 0:
            reader.complain(f"{where}.{field.name}".lstrip("."), f"must not be negative, got {value:g}")


def _check_scenario(scenario: Scenario, reader: Reader) -> None:
    if scenario.start.tzinfo is None:
        reader.complain("start", "needs a time zone, as in 2026-03-11T10:30:00-04:00")
    names = [login.name for login in scenario.logins]
    if len(set(names)) != len(names) or not names:
        reader.complain("logins", f"need different names, at least one: {names}")
    for name in scenario.expect.logins:
        if name not in names:
            reader.complain(f"expect.logins.{name}", f"is not a login here: {', '.join(names)}")
    _not_negative(scenario, "", reader)
    if not scenario.deadline_s:
        reader.complain("deadline_s", "must be above zero: a kill needs time")


def _check_position(held: PositionSetup, where: str, reader: Reader) -> None:
    if held.contract.startswith("BAG"):
        reader.complain(f"{where}.contract", f"{held.contract!r} cannot be held: list its legs instead")
    if not held.quantity:
        reader.complain(f"{where}.quantity", "must not be zero: leave the position out")


def _check_login(login: LoginPlan, where: str, reader: Reader) -> None:
    accounts = [account.id for account in login.accounts]
    if not accounts or len(set(accounts)) != len(accounts) or "" in accounts:
        reader.complain(f"{where}.accounts", f"need different ids, at least one: {accounts}")
    for port in login.ports:
        if not 0 <= port <= PORT_MAX:
            reader.complain(f"{where}.ports", f"{port} is no port: 1 to {PORT_MAX}, or 0 for any free one")
    if login.messages_per_s is not None and login.messages_per_s < 0:
        reader.complain(f"{where}.messages_per_s", f"must not be negative, got {login.messages_per_s}; 0: no limit")
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


def _check_fault(fault: Fault, where: str, logins: list[Any], reader: Reader) -> None:
    _not_negative(fault, where, reader)
    if fault.nth < 1:
        reader.complain(f"{where}.nth", f"counts from 1, got {fault.nth}")
    if fault.login and fault.login not in logins:
        reader.complain(f"{where}.login", f"{fault.login!r} is not a login here: {', '.join(map(str, logins))}")
    if fault.on and fault.on not in _TRIGGERS:
        reader.complain(
            f"{where}.on",
            f"{fault.on!r} is not a request{near(fault.on, _TRIGGERS)}; "
            "for example PlaceOrder, ReqGlobalCancel, CloseOrder",
        )
    for field, allowed in (("requests", _TRIGGERS), ("replies", _REPLIES)):
        for name in getattr(fault, field, ()):
            if name not in allowed:
                hint = near(name, allowed)
                reader.complain(f"{where}.{field}", f"{name!r} is not one{hint}; allowed: {', '.join(sorted(allowed))}")


FAULT_KINDS: tuple[str, ...] = tuple(sorted(str(kind.__struct_config__.tag) for kind in ALL))
