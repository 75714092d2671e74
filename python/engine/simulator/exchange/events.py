"""What the exchange says: every event it can emit, in the order in which IBKR would say it.

Events are facts with their time. They carry snapshots and never a live object, so a server may delay, repeat,
reorder or drop them without changing what they tell.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

import msgspec

from engine.simulator.exchange.orders import Execution, NewOrder, OrderView


class OrderAccepted(msgspec.Struct, frozen=True):
    """The order exists (openOrder). It may still be held, queued or untransmitted: see its status."""

    at_ns: int
    order: OrderView


class StatusChanged(msgspec.Struct, frozen=True):
    """The order's status, fills or held-reason changed (orderStatus)."""

    at_ns: int
    order: OrderView


class Rejected(msgspec.Struct, frozen=True):
    """A request was refused (error). `order` is the live order when a modify or a cancel was refused.

    With `order` None nothing exists: the new order never came into being.
    """

    at_ns: int
    client_id: int
    order_id: int
    code: int
    text: str
    order: OrderView | None = None


class OrderMessage(msgspec.Struct, frozen=True):
    """A message about an order that says nothing about its life (399, 2109, …), or 202 after it was cancelled."""

    at_ns: int
    code: int
    text: str
    order: OrderView


class WhatIf(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a what-if order: margin and commission it would have, and no order."""

    at_ns: int
    request: NewOrder
    init_margin_before: Decimal
    init_margin_after: Decimal
    maint_margin_before: Decimal
    maint_margin_after: Decimal
    equity_with_loan_before: Decimal
    equity_with_loan_after: Decimal
    commission: Decimal


class Fill(msgspec.Struct, frozen=True):
    """A fill (execDetails). `order` is the order after it; None when IBKR liquidated without one."""

    at_ns: int
    execution: Execution
    order: OrderView | None


class Commission(msgspec.Struct, frozen=True):
    """Cost of one fill (commissionReport). `realized_pnl` is None when the fill closed nothing."""

    at_ns: int
    exec_id: str
    account: str
    amount: Decimal
    currency: str
    realized_pnl: Decimal | None


class Correction(msgspec.Struct, frozen=True):
    """A past fill was changed: replace the execution of the same id but for its last part; do not add."""

    at_ns: int
    execution: Execution


class PositionChanged(msgspec.Struct, frozen=True):
    at_ns: int
    account: str
    con_id: int
    quantity: Decimal
    avg_cost: Decimal


class AccountChanged(msgspec.Struct, frozen=True):
    """Cash or positions of the account changed: its values are worth reading again."""

    at_ns: int
    account: str


class TradingHalted(msgspec.Struct, frozen=True):
    """Trading in a contract was halted, or resumed."""

    at_ns: int
    con_id: int
    halted: bool


Event: TypeAlias = (
    OrderAccepted
    | StatusChanged
    | Rejected
    | OrderMessage
    | WhatIf
    | Fill
    | Commission
    | Correction
    | PositionChanged
    | AccountChanged
    | TradingHalted
)
