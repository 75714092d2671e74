"""What kills did to positions: the one reading of their reports for every page and command that shows it."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import msgspec

from engine.core.contracts import Contract
from engine.journal.events import KillEnded, Record
from engine.trading.naming import amount_of, name_of


class _Contract(msgspec.Struct, frozen=True):
    """What a contract is called by."""

    con_id: int = 0
    symbol: str = ""
    sec_type: str = ""
    last_trade_date: str = ""
    strike: Decimal = Decimal(0)
    right: str = ""
    currency: str = ""
    local_symbol: str = ""

    @property
    def name(self) -> str:
        return name_of(Contract(**msgspec.structs.asdict(self)))


class _Item(msgspec.Struct, frozen=True):
    """A position in a kill's report, as far as it is shown."""

    account: str = ""
    quantity: Decimal = Decimal(0)
    contract: _Contract = _Contract()
    order: str = ""  # an order that is left, in words; a position has none
    reason: str = ""
    by_other_kill: bool = False
    filled: Decimal | None = None  # by the orders of the kill that reports

    @property
    def of_another(self) -> bool:
        """Closed by another kill, which tells it as its own if it can."""
        return self.by_other_kill and not self.filled


class _Login(msgspec.Struct, frozen=True):
    closed: tuple[_Item, ...] = ()
    residue: tuple[_Item, ...] = ()
    joined: bool = False


class _Report(msgspec.Struct, frozen=True):
    logins: dict[str, _Login] = {}


class Row(NamedTuple):
    """A position before a kill, and what became of it. `left`: why it is still there; empty: it was closed."""

    login: str
    name: str
    account: str
    quantity: str  # in words: "long 3"
    left: str


def position_rows(records: Iterable[Record], logins: tuple[str, ...]) -> list[Row]:
    """What every kill among these records closed, and what the last of them left.

    A kill that joined another one watched the same positions go. They are told once, as the closing one had them.
    """
    reports = [
        msgspec.json.decode(record.event.report, type=_Report, strict=False)
        for record in records
        if isinstance(record.event, KillEnded)
    ]
    told = [
        (name, item, login.joined or item.of_another)
        for report in reports
        for name, login in report.logins.items()
        if name in logins
        for item in login.closed
        if item.quantity
    ]
    rows = [_row(name, item) for name, item, watched in told if not watched]
    known = {(row.login, row.account, row.name) for row in rows}
    for name, item, watched in told:
        if watched and (name, item.account, item.contract.name) not in known:
            known.add((name, item.account, item.contract.name))
            rows.append(_row(name, item))
    left = reports[-1].logins if reports else {}
    rows += [
        _row(name, item, item.reason or "left")
        for name, login in left.items()
        if name in logins
        for item in login.residue
        if item.quantity and not item.order
    ]
    return rows


def _row(login: str, item: _Item, left: str = "") -> Row:
    return Row(login, item.contract.name, item.account, amount_of(item.quantity), left)
