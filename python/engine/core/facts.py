"""What is known of a login, as the broker reported it. Facts only: no judgement, no clock.

Every number here is known. What the broker left blank, or what could not be read, never becomes one of these
records: the read that carried it has failed instead, and a failed read is *unknown*, which is not *none*.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

import msgspec

from engine.core.contracts import Contract


class PositionFact(msgspec.Struct, frozen=True):
    """A position of one account in one contract. `quantity` is signed, long positive; zero is a closed position.
    `moved`: it was told more than once while it was read, and not alike; what traded then it contains."""

    account: str
    contract: Contract
    quantity: Decimal
    avg_cost: Decimal | None = None
    moved: bool = False


class UnreadPosition(msgspec.Struct, frozen=True):
    """A row of a list of positions that could not be read whole: something may be held there, and nobody knows
    how much. `con_id`: 0 where not even that is certain; an empty `account` or `symbol` is any."""

    account: str
    con_id: int
    symbol: str
    why: str

    def may_be(self, account: str, con_id: int, symbol: str) -> bool:
        """Is it, for all that is known, the row of this contract?"""
        if self.account not in ("", account):
            return False
        return con_id == self.con_id if self.con_id else self.symbol in ("", symbol)


class AccountWorth(msgspec.Struct, frozen=True):
    """What the broker says an account is worth, by its own tags; a value that is blank or no number is not there."""

    account: str
    values: dict[str, Decimal]
    foreign_cash: Decimal | None = None
    """Its cash in other currencies, owed or owned, together, in its own currency; None: not asked for, or not told."""


class WorkingOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order the broker lists as open, whoever placed it.

    `perm_id` is account-wide; (`client_id`, `order_id`) is unique only with the client. Orders typed into TWS
    carry client id 0 and an order id of zero or below. `parent_id` is the order id of the parent, of the same client;
    0: it has none.
    """

    account: str
    contract: Contract
    perm_id: int
    client_id: int
    order_id: int
    action: str
    quantity: Decimal
    filled: Decimal
    order_type: str
    status: str
    order_ref: str = ""
    transmit: bool = True
    parent_id: int = 0
    oca_group: str = ""
    oca_type: int = 0

    @property
    def remaining(self) -> Decimal:
        """Quantity that may still fill, never negative."""
        return max(self.quantity - self.filled, Decimal(0))

    @property
    def buys(self) -> bool:
        """True for a buy; a short sale is a sell."""
        return self.action == "BUY"


class ExecutionFact(msgspec.Struct, frozen=True, kw_only=True):
    """One execution. `quantity` is signed, bought positive. A correction has the same `exec_id` except the digits
    behind the last dot and replaces it.
    """

    exec_id: str
    account: str
    con_id: int
    quantity: Decimal
    price: Decimal
    perm_id: int
    client_id: int
    order_id: int
    order_ref: str = ""
    contract: Contract = Contract()  # for people: `con_id` decides
    liquidation: bool = False
    recent: bool = True  # False only when it is known to be older than a quarter of a minute
    age_ns_min: int = 0  # it was at least so old when it was read; 0: not known
    time: str = ""  # as the broker spelled it; for people

    @property
    def identity(self) -> str:
        """The part of `exec_id` that a correction keeps."""
        return self.exec_id.rpartition(".")[0] or self.exec_id

    @property
    def corrects(self) -> bool:
        """It replaces an earlier one: those that do not are numbered 01."""
        version = self.exec_id.rpartition(".")[2]
        return "." in self.exec_id and version.isdecimal() and int(version) > 1


class PriceStep(msgspec.Struct, frozen=True):
    """One band of a market rule: from `low_edge` upwards, prices are multiples of `increment`."""

    low_edge: Decimal
    increment: Decimal


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """What the broker says of a contract's trading rules; text as it came, parsed where it is judged."""

    contract: Contract  # complete, with the exchange an order may name
    min_tick: Decimal | None = None
    valid_exchanges: tuple[str, ...] = ()
    market_rule_ids: tuple[int, ...] = ()  # one for each of `valid_exchanges`, or none
    order_types: tuple[str, ...] = ()
    trading_hours: str = ""
    liquid_hours: str = ""
    time_zone_id: str = ""
    under_symbol: str = ""
    under_con_id: int | None = None  # None: it has none, or the broker did not say
    size_increment: Decimal | None = None
    min_size: Decimal | None = None


class QuoteKind(Enum):
    """How fresh a quote is by the broker's own word (marketDataType)."""

    LIVE = 1
    FROZEN = 2
    DELAYED = 3
    DELAYED_FROZEN = 4


class Quote(msgspec.Struct, frozen=True):
    """Best bid and ask; None where there is none (a worthless option has no bid). Prices may be zero or negative."""

    bid: Decimal | None
    ask: Decimal | None
    kind: QuoteKind
    halted: bool = False
