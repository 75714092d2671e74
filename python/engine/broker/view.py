"""What is known of a login, part by part: each is known since a moment, or unknown for a reason.

Unknown is not empty: while nothing has been read, after a failed read and after a disconnect there is no list at all.
Pure data; who keeps it up to date is in `login`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

import msgspec

from engine.core.facts import PositionFact, WorkingOrder
from engine.core.known import Fact, Known, T, Unknown

__all__ = ["AccountValues", "Fact", "Known", "LoginView", "Money", "ProfitAndLoss", "T", "Unknown"]


class Money(msgspec.Struct, frozen=True):
    amount: Decimal
    currency: str


AccountValues: TypeAlias = dict[str, dict[str, Money]]
"""By account, then by tag (NetLiquidation, …). A value the broker left blank or unset is not there."""


class ProfitAndLoss(msgspec.Struct, frozen=True):
    """Of one account, in its base currency; None: the broker says nothing."""

    daily: Decimal | None
    unrealized: Decimal | None
    realized: Decimal | None


class LoginView:
    """Every part of what is known of one login."""

    def __init__(self) -> None:
        self.accounts: Fact[tuple[str, ...]]
        self.positions: Fact[tuple[PositionFact, ...]]
        self.working_orders: Fact[tuple[WorkingOrder, ...]]
        self.account_values: Fact[AccountValues]
        self.profit_and_loss: dict[str, Fact[ProfitAndLoss]]
        self.forget("never connected")

    def forget(self, why: str) -> None:
        """From now on nothing is known."""
        unknown = Unknown(why)
        self.accounts = unknown
        self.positions = unknown
        self.working_orders = unknown
        self.account_values = unknown
        self.profit_and_loss = {}
