"""Collectors: what one read gathers until its answer is complete. Pure; each is fed replies and asked for its result.

A collector decides what belongs to its answer and when that is complete. It never decides that silence is an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Generic, NamedTuple, Protocol, TypeVar

from engine.broker import translate
from engine.broker.clock import possible_seconds, unix_seconds
from engine.core.contracts import Contract
from engine.core.facts import (
    AccountWorth,
    Details,
    ExecutionFact,
    PositionFact,
    Quote,
    QuoteKind,
    UnreadPosition,
    WorkingOrder,
)
from engine.core.units import known
from engine.wire import replies
from engine.wire.replies import Reply
from engine.wire.salvage import DamagedPosition

T_co = TypeVar("T_co", covariant=True)

EXECUTION_RECENT_S = 15.0
EXECUTION_AGE_SLACK_S = 2.0  # its time is cut to the second, and the broker's clock is known to one
NAMES_MAX = 5  # of contracts that one description fits, where they are told
CLOCK_SLACK_S = 3.0  # the broker's clock is known to a second or two: what is later than this has not happened yet


class Collector(Protocol, Generic[T_co]):
    """What the read of a list needs of a collector; the list's end marker is the reader's business."""

    message_ids: frozenset[int]  # one of these that cannot be read spoils the answer

    @property
    def rows(self) -> int:
        """How much of the answer is there: it grows with what is new."""

    def take(self, reply: Reply) -> bool:
        """Keep the reply if it belongs to the answer, and say whether it does."""

    def result(self) -> T_co:
        """The answer; raises `translate.Unclear` when a part of it is unknown."""


class NumberedCollector(Collector[T_co], Protocol):
    """What the read of a numbered answer needs."""

    def complete(self, reply: Reply) -> bool:
        """Is the answer whole with this reply?"""

    @property
    def usable(self) -> bool:
        """Is what has come so far an answer, if nothing more comes in time?"""


class Orders:
    """Open orders of every client: openOrder and orderStatus in any order, the last word on each counts.

    permId names an order; (client id, order id) does so only while the broker has not told the permId yet, and not at
    all for orders typed into TWS, which share the ids 0 and 0. A status of a living order that the list does not
    contain shows that the list is not whole; only this connection's own orders may move while it is told.
    """

    message_ids = frozenset({3, 5, 53})

    def __init__(self, own_client_id: int) -> None:
        self._own_client_id = own_client_id
        self._by_perm_id: dict[int, replies.OpenOrder] = {}
        self._nameless: dict[tuple[int, int], replies.OpenOrder] = {}
        self._status_by_perm_id: dict[int, replies.OrderStatus] = {}
        self._status_by_ids: dict[tuple[int, int], replies.OrderStatus] = {}

    @property
    def rows(self) -> int:
        return len(self._by_perm_id) + len(self._nameless)

    def take(self, reply: Reply) -> bool:
        match reply:
            case replies.OpenOrder() if reply.order.what_if is True:
                return False  # the answer to a preview: no order
            case replies.OpenOrder() if reply.order.perm_id:
                self._by_perm_id[reply.order.perm_id] = reply
            case replies.OpenOrder():
                self._nameless[reply.order.client_id, reply.order_id] = reply
            case replies.OrderStatus():
                if reply.perm_id:
                    self._status_by_perm_id[reply.perm_id] = reply
                if reply.order_id > 0:
                    self._status_by_ids[reply.client_id, reply.order_id] = reply
            case _:
                return False
        return True

    def result(self) -> tuple[WorkingOrder, ...]:
        self._require_whole()
        named = {(order.order.client_id, order.order_id) for order in self._by_perm_id.values()}
        rows = [*self._by_perm_id.values(), *(row for ids, row in self._nameless.items() if ids not in named)]
        orders = (translate.working_order(row, self._status(row)) for row in rows)
        return tuple(order for order in orders if order.status not in translate.ENDED)

    def _require_whole(self) -> None:
        for perm_id, status in self._status_by_perm_id.items():
            listed = perm_id in self._by_perm_id or (status.client_id, status.order_id) in self._nameless
            living = status.status not in translate.ENDED
            if living and not listed and status.client_id != self._own_client_id:
                raise translate.Unclear(f"TWS told the status of order {perm_id} ({status.status}), but not the order")

    def _status(self, row: replies.OpenOrder) -> replies.OrderStatus | None:
        by_perm_id = self._status_by_perm_id.get(row.order.perm_id)
        if by_perm_id is not None:
            return by_perm_id
        by_ids = self._status_by_ids.get((row.order.client_id, row.order_id))
        if by_ids is None or (by_ids.perm_id and row.order.perm_id):  # two permIds: two orders
            return None
        return by_ids


class PositionList(NamedTuple):
    """`unread`: rows without a number or with a damaged field. What may be one of them is not among `positions`."""

    positions: tuple[PositionFact, ...]
    unread: tuple[UnreadPosition, ...] = ()


class Positions:
    """Positions of every account of the login. Where TWS names no contract id, what it says of the contract does."""

    message_ids = frozenset({61, 62})

    def __init__(self) -> None:
        self._rows: dict[tuple[str, int | Contract], replies.Position] = {}
        self._moved: set[tuple[str, int | Contract]] = set()
        self._damaged: list[UnreadPosition] = []

    @property
    def rows(self) -> int:
        return len(self._rows)

    def take(self, reply: Reply) -> bool:
        if isinstance(reply, DamagedPosition):
            self._damaged.append(UnreadPosition(reply.account, reply.con_id, reply.symbol, reply.why))
            return True
        if isinstance(reply, replies.Position):
            key = reply.account, reply.contract.con_id or reply.contract
            if self._rows.get(key, reply).position != reply.position:
                self._moved.add(key)
            self._rows[key] = reply
            return True
        return False

    def result(self) -> PositionList:
        facts, unread = [], dict.fromkeys(self._damaged)
        for key, row in self._rows.items():
            try:
                facts.append(translate.position(row, moved=key in self._moved))
            except translate.Unclear as unclear:
                contract = row.contract
                unread[UnreadPosition(row.account, contract.con_id, contract.symbol, str(unclear))] = None
        whole = (
            fact
            for fact in facts
            if not any(row.may_be(fact.account, fact.contract.con_id, fact.contract.symbol) for row in unread)
        )
        return PositionList(tuple(whole), tuple(unread))


class CompletedOrders(NamedTuple):
    """`cancelled`: dated beyond doubt. `ended`: what may have ended, however, since shortly before that."""

    cancelled: tuple[WorkingOrder, ...]
    ended: tuple[WorkingOrder, ...]


class Completed:
    """Orders that ended since a moment of the broker's clock, in whole seconds.

    As cancelled since then only those are told that can be dated: of all that a time may mean, nothing but the future
    may be left aside, and none of the rest may be too early. As ended lately all those that cannot be dated earlier,
    if they tell how much of them has filled.
    """

    message_ids = frozenset({101, 102})

    def __init__(self, since_s: Callable[[], float | None], server_now_s: Callable[[], float | None]) -> None:
        self._since_s = since_s
        self._server_now_s = server_now_s
        self._rows: list[replies.CompletedOrder] = []

    @property
    def rows(self) -> int:
        return len(self._rows)

    def take(self, reply: Reply) -> bool:
        if isinstance(reply, replies.CompletedOrder):
            self._rows.append(reply)
            return True
        return False

    def result(self) -> CompletedOrders:
        return CompletedOrders(
            tuple(translate.completed_order(row) for row in self._rows if self._cancelled_since(row)),
            tuple(translate.completed_order(row) for row in self._rows if self._ended_lately(row)),
        )

    def _cancelled_since(self, row: replies.CompletedOrder) -> bool:
        since_s, ended = self._since_s(), self._possible_ends(row)
        if row.state.status not in ("Cancelled", "ApiCancelled") or since_s is None:
            return False
        return bool(ended) and min(ended) >= int(since_s)

    def _ended_lately(self, row: replies.CompletedOrder) -> bool:
        if row.state.status != "Filled" and known(row.order.filled_quantity) is None:
            return False
        since_s, ended = self._since_s(), self._possible_ends(row)
        return since_s is None or not ended or max(ended) >= int(since_s) - EXECUTION_RECENT_S

    def _possible_ends(self, row: replies.CompletedOrder) -> list[float]:
        now_s = self._server_now_s()
        if now_s is None:
            return []
        return [at_s for at_s in possible_seconds(row.state.completed_time) if at_s <= now_s + CLOCK_SLACK_S]


class Executions:
    """Executions since midnight. Summaries of combinations are left out: their legs are listed too."""

    message_ids = frozenset({11, 55})

    def __init__(self, req_id: int, server_now_s: Callable[[], float | None]) -> None:
        self._req_id = req_id
        self._server_now_s = server_now_s
        self._rows: list[replies.Execution] = []

    usable = False

    @property
    def rows(self) -> int:
        return len(self._rows)

    def take(self, reply: Reply) -> bool:
        if not isinstance(reply, replies.Execution) or reply.req_id != self._req_id:
            return False
        if reply.contract.sec_type != "BAG":
            self._rows.append(reply)
        return True

    def complete(self, reply: Reply) -> bool:
        return isinstance(reply, replies.ExecutionsEnd) and reply.req_id == self._req_id

    def result(self) -> tuple[ExecutionFact, ...]:
        return tuple(self._fact(row) for row in self._rows)

    def _fact(self, row: replies.Execution) -> ExecutionFact:
        now_s, at_s = self._server_now_s(), unix_seconds(row.time)
        if now_s is None or at_s is None:
            return translate.execution(row)
        age_s = now_s - at_s
        age_ns_min = max(int((age_s - EXECUTION_AGE_SLACK_S) * 1e9), 0)
        return translate.execution(row, recent=age_s <= EXECUTION_RECENT_S, age_ns_min=age_ns_min)


class Worth:
    """What the accounts are worth. What is no number is left out.

    Cash comes once for each currency, with the rate that turns it into the account's own, and once more as their sum
    under the name BASE. The account's own currency has the rate of one.
    """

    message_ids = frozenset({63, 64})

    def __init__(self, req_id: int) -> None:
        self._req_id = req_id
        self._values: dict[str, dict[str, Decimal]] = {}
        self._cash: dict[str, dict[str, Decimal]] = {}
        self._rates: dict[str, dict[str, Decimal]] = {}
        self._unclear: set[str] = set()  # accounts of which one currency's unrealized profit was no number

    usable = False

    @property
    def rows(self) -> int:
        return sum(map(len, self._values.values()))

    def take(self, reply: Reply) -> bool:
        if not isinstance(reply, replies.AccountSummary) or reply.req_id != self._req_id:
            return False
        amount = translate.amount(reply.value)
        match reply.tag:
            case "UnrealizedPnL" if amount is None:
                self._unclear.add(reply.account)
            case _ if amount is None:
                pass
            case "CashBalance":
                self._cash.setdefault(reply.account, {})[reply.currency] = amount
            case "ExchangeRate":
                self._rates.setdefault(reply.account, {})[reply.currency] = amount
            case "UnrealizedPnL":  # in each currency: two that cancel out are not none
                values = self._values.setdefault(reply.account, {})
                values[reply.tag] = values.get(reply.tag, Decimal(0)) + abs(amount)
            case _:
                self._values.setdefault(reply.account, {})[reply.tag] = amount
        return True

    def complete(self, reply: Reply) -> bool:
        return isinstance(reply, replies.AccountSummaryEnd) and reply.req_id == self._req_id

    def result(self) -> tuple[AccountWorth, ...]:
        for account in self._unclear:  # the sum of the others would pass for the whole
            self._values.get(account, {}).pop("UnrealizedPnL", None)
        return tuple(AccountWorth(one, values, self._foreign_cash(one)) for one, values in self._values.items())

    def _foreign_cash(self, account: str) -> Decimal | None:
        """None: nothing was told of it, or not what each currency is worth."""
        cash = {currency: amount for currency, amount in self._cash.get(account, {}).items() if currency != "BASE"}
        rates = self._rates.get(account, {})
        if not cash or any(amount and not rates.get(currency) for currency, amount in cash.items()):
            return None
        foreign = (abs(amount) * rates[name] for name, amount in cash.items() if amount and rates[name] != 1)
        return sum(foreign, Decimal(0))


class ContractDetails:
    """The trading rules of one contract. Several answers differ in the exchange only; the same one is always chosen."""

    message_ids = frozenset({10, 52})

    def __init__(self, req_id: int) -> None:
        self._req_id = req_id
        self._rows: list[replies.ContractDetails] = []

    usable = False

    @property
    def rows(self) -> int:
        return len(self._rows)

    def take(self, reply: Reply) -> bool:
        if not isinstance(reply, replies.ContractDetails) or reply.req_id != self._req_id:
            return False
        self._rows.append(reply)
        return True

    def complete(self, reply: Reply) -> bool:
        return isinstance(reply, replies.ContractDetailsEnd) and reply.req_id == self._req_id

    def result(self) -> Details:
        if not self._rows:
            raise translate.Unclear("TWS knows no such contract")
        return translate.details(translate.best_details(self._rows))


class OneContract(ContractDetails):
    """The only contract that fits a description. None, or several of them, is no answer."""

    def result(self) -> Details:
        found = {row.contract.con_id: row.contract for row in self._rows}
        if len(found) <= 1:
            return super().result()
        names = sorted(one.local_symbol or str(one.con_id) for one in found.values())
        shown = ", ".join(names[:NAMES_MAX]) + (", …" if len(names) > NAMES_MAX else "")
        raise translate.Unclear(f"{len(found)} contracts fit: {shown}")


_BID, _ASK, _HALTED = 1, 2, 49
_DELAYED = {66: _BID, 67: _ASK}


class Snapshot:
    """Bid and ask. A price of -1 or 0 with no size is TWS's word for "none"; delayed prices are marked as such."""

    message_ids = frozenset({1, 57, 58})

    def __init__(self, req_id: int) -> None:
        self._req_id = req_id
        self._sides: dict[int, Decimal | None] = {}
        self._kind = QuoteKind.LIVE  # TWS sends live data unless it says, or was told, otherwise
        self._halted = False

    @property
    def rows(self) -> int:
        return len(self._sides)

    def take(self, reply: Reply) -> bool:
        match reply:
            case replies.TickPrice() if reply.req_id == self._req_id:
                self._take_price(reply)
            case replies.MarketDataType() if reply.req_id == self._req_id:
                self._kind = QuoteKind(reply.kind) if 1 <= reply.kind <= 4 else QuoteKind.FROZEN
            case replies.TickGeneric() if reply.req_id == self._req_id and reply.tick_type == _HALTED:
                self._halted = (known(reply.value) or 0) > 0
            case _:
                return False
        return True

    def complete(self, reply: Reply) -> bool:
        """Both sides are enough: TWS may take eleven seconds to end a snapshot."""
        if isinstance(reply, replies.TickSnapshotEnd):
            return reply.req_id == self._req_id
        return isinstance(reply, replies.TickPrice) and len(self._sides) == 2

    @property
    def usable(self) -> bool:
        """One side is enough once TWS has had its time to tell the other."""
        return bool(self._sides)

    def result(self) -> Quote:
        return Quote(self._sides.get(_BID), self._sides.get(_ASK), self._kind, self._halted)

    def _take_price(self, reply: replies.TickPrice) -> None:
        side = _DELAYED.get(reply.tick_type, reply.tick_type)
        if side not in (_BID, _ASK):
            return
        if reply.tick_type in _DELAYED and self._kind is QuoteKind.LIVE:
            self._kind = QuoteKind.DELAYED
        price, size = known(reply.price), known(reply.size)
        absent = price is None or (price in (-1, 0) and not size)
        self._sides[side] = None if absent else price
