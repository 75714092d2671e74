"""Keeps the book of one login true: what its readings show, and what TWS says of orders in between.

It outlives connections: an order that was sent over one and never heard of again counts on over the next. Must never
take an order out that may be live, and never count one fill less than was heard.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import msgspec

from engine.broker import translate
from engine.broker.failures import LinkFailure
from engine.broker.link import Listener
from engine.broker.login import Login
from engine.core.book import PositionHeard
from engine.core.exposure import ZERO, OrderKey, Resting, Side
from engine.core.facts import ExecutionFact, PositionFact, WorkingOrder
from engine.core.known import Fact, Known
from engine.core.preflight.desk import Preflight
from engine.core.preflight.listing import Listing
from engine.core.products import product_of
from engine.core.units import known
from engine.trading.order_intent import group_of, key_of, resting_of
from engine.wire.events import ClientEvent
from engine.wire.order import Order
from engine.wire.replies import Execution, OpenOrder, OrderStatus

TRANSMITTED = frozenset({"PreSubmitted", "Submitted"})  # of an order that TWS holds nobody is told so
REMEMBERED_MAX = 10_000  # orders that have ended, and executions: then the oldest are forgotten


class LoginBook:
    """The readings and news of a login, put into its desk. `on_fill`: told of each execution of our own once.
    `before_reading`: what is known otherwise is to be told now, so that the reading may replace it.
    """

    def __init__(
        self, desk: Preflight, on_fill: Callable[[ExecutionFact], None], before_reading: Callable[[], None]
    ) -> None:
        self._desk = desk
        self._book = desk.book
        self._on_fill = on_fill
        self._before_reading = before_reading
        self.after_reading: Callable[[], None] = lambda: None  # told that positions or orders have been read
        self.client_ids: set[int] = set()  # whose orders are our own: of a program one, of a gateway its clients'
        self.changing: set[OrderKey] = set()  # modifies of another connection that TWS has not answered
        self._next_id = 0
        self._counted: dict[OrderKey, Decimal | None] = {}  # of ended orders: what was filled; None: all there was
        self._executions: dict[str, None] = {}

    def attach(self, login: Login) -> None:
        """Follow a fresh connection. Order ids that an earlier one used are not used again."""
        self.client_ids.add(login.link.client_id)
        self._desk.accounts = login.link.accounts
        login.link.take_ids_from(self._next_id)
        login.audience = self
        login.link.listen(Listener(self.heard, self._lost))

    # --- our own orders -----------------------------------------------------------------------------
    def sent(self, key: OrderKey) -> None:
        """The order is about to leave under this key."""
        self._next_id = max(self._next_id, key[1] + 1)
        self._counted.pop(key, None)

    def gone(self, key: OrderKey) -> None:
        """It never left, or is proven to have been refused."""
        self._end(key, filled=False)

    def not_changed(self, key: OrderKey, before: tuple[Resting, ...]) -> None:
        """A modify never left: what works is the order that it was to replace, as it stood `before`, unless that has
        ended meanwhile.
        """
        filled = {one.place: one.filled for one in self._book.order(key)}
        if not filled:
            return
        self._book.ended(key, filled=False)
        for one in before:
            more = max(filled.get(one.place, one.filled) - one.filled, ZERO)
            left = max(one.remaining - more, ZERO)
            self._book.working(msgspec.structs.replace(one, filled=one.filled + more, remaining=left))

    def unlisted(self, key: OrderKey) -> None:
        """A cancel was answered and it is not listed: ended, as a fill for all that anybody knows."""
        self._end(key, filled=True)

    # --- engine.broker.login.Audience ----------------------------------------------------------------
    def mark(self) -> int:
        self._before_reading()
        return self._book.mark()

    def positions_read(self, fact: Fact[tuple[PositionFact, ...]], mark: int) -> None:
        if not isinstance(fact, Known):
            self._book.lost(fact.why)
            return
        for one in fact.value:
            if one.contract.con_id not in self._desk.terms.listings:
                self._desk.list_contract(Listing.of_contract(one.contract))
        heard = (
            PositionHeard(one.account, one.contract.con_id, one.quantity, product_of(one.contract.sec_type))
            for one in fact.value
        )
        self._book.read_positions(heard, mark, fact.at_ns)
        self.after_reading()

    def orders_read(self, fact: Fact[tuple[WorkingOrder, ...]], mark: int) -> None:
        if not isinstance(fact, Known):
            self._book.lost(fact.why)
            return
        orders = [self._with_products(one) for order in fact.value for one in resting_of(order)]
        self._book.read_orders(orders, mark, fact.at_ns)
        self.after_reading()

    def doubt(self, why: str) -> None:
        self._book.lost(why)

    def _with_products(self, order: Resting) -> Resting:
        """A leg whose terms are known counts in its own product."""
        listing = self._desk.terms.listings.get(order.con_id)
        known_by_terms = order.product is None and listing is not None
        return msgspec.structs.replace(order, product=listing.product) if known_by_terms and listing else order

    def _lost(self, failure: LinkFailure) -> None:
        self._book.lost(failure.text)

    # --- what TWS says in between --------------------------------------------------------------------
    def heard(self, event: ClientEvent) -> None:
        """News of orders, over whichever connection of ours."""
        match event:
            case OrderStatus():
                key = key_of(event.client_id, event.order_id, event.perm_id)
                self._status(key, event.status, known(event.filled) or ZERO)
            case OpenOrder() if event.order.what_if is not True:
                key = key_of(event.order.client_id, event.order_id, event.order.perm_id)
                bag = event.contract.sec_type == "BAG"
                if key[0] in self.client_ids and not self._book.order(key):
                    self._appeared(key, event)
                elif not self._is_held(key, event.state.status):
                    self._shown(key, None if bag else known(event.order.total_quantity), event.order)
            case Execution() if event.req_id < 0 and event.contract.sec_type != "BAG":
                self._executed(event)

    def _appeared(self, key: OrderKey, event: OpenOrder) -> None:
        """One of ours works of which nothing is counted: an error was taken for its end, or its number is used again.
        Of one that has filled to the end TWS may still tell how it was before.
        """
        if event.state.status not in TRANSMITTED or self._counted.get(key, ZERO) != ZERO:
            return
        try:
            shown = translate.working_order(event, None)
        except translate.Unclear:  # the next reading tells
            return
        for one in resting_of(shown):
            self._book.working(self._with_products(one))

    def _status(self, key: OrderKey, status: str, filled: Decimal) -> None:
        orders = self._book.order(key)
        if status == "Filled":
            self._end(key, filled=True)
        elif status not in translate.ENDED:
            if filled or not self._is_held(key, status):
                self._progress(orders, filled)
        elif len(orders) > 1:
            self._end(key, filled=filled > 0)  # of a combination nobody knows which part of which leg
        else:
            self._progress(orders, filled)
            self._end(key, filled=False)

    def _shown(self, key: OrderKey, total: Decimal | None, order: Order) -> None:
        """It works, and is for as much in all: its client may have changed that. A combination's total is none of its
        legs', and an order sized by money has none. Of one that is `changing` TWS may still tell the original.
        What a modify wanted it to be bound to is what TWS says.
        """
        orders = self._book.order(key)
        for one in orders:
            if len(orders) == 1 and total:
                left = max(total - one.filled, ZERO)
                larger = max(left, one.remaining) if key in self.changing else left
                one = msgspec.structs.replace(one, remaining=larger)
            if one.rebound and key not in self.changing:
                one = _bound_as_shown(one, order)
            self._book.working(msgspec.structs.replace(one, untransmitted=False))

    def _is_held(self, key: OrderKey, status: str) -> bool:
        """TWS was asked to hold it, and this does not say that it was transmitted. What is in no list must not count as
        shown: its absence from the next one would be its end.
        """
        return status not in TRANSMITTED and any(one.untransmitted for one in self._book.order(key))

    def _progress(self, orders: tuple[Resting, ...], filled: Decimal) -> None:
        """It works, and has filled as much. A combination's status counts combinations: its executions count legs."""
        for one in orders:
            now_filled = max(filled, one.filled) if len(orders) == 1 else one.filled
            left = max(one.remaining + one.filled - now_filled, ZERO)
            self._book.working(msgspec.structs.replace(one, filled=now_filled, remaining=left, untransmitted=False))

    def _executed(self, event: Execution) -> None:
        try:
            fact = translate.execution(event)
        except translate.Unclear:  # the status and the next reading tell what it came to
            return
        if fact.exec_id in self._executions:
            return
        self._remember_execution(fact.exec_id)
        if fact.client_id in self.client_ids:
            self._count(event, fact)
            self._on_fill(fact)

    def _count(self, event: Execution, fact: ExecutionFact) -> None:
        key = key_of(fact.client_id, fact.order_id, fact.perm_id)
        orders = self._book.order(key)
        cumulated = known(event.cum_qty) or abs(fact.quantity)
        if len(orders) == 1:
            self._progress(orders, cumulated)
        elif orders:
            self._count_leg(orders, fact)
        else:
            self._count_late(key, fact, cumulated)

    def _count_leg(self, orders: tuple[Resting, ...], fact: ExecutionFact) -> None:
        for one in orders:
            if one.con_id == fact.con_id:
                shares = abs(fact.quantity)
                left = max(one.remaining - shares, ZERO)
                self._book.working(msgspec.structs.replace(one, filled=one.filled + shares, remaining=left))

    def _count_late(self, key: OrderKey, fact: ExecutionFact, cumulated: Decimal) -> None:
        """A fill of an order that has ended already: what it is more than was counted then."""
        counted = self._counted.get(key, cumulated - abs(fact.quantity))
        if counted is None or cumulated <= counted:
            return
        self._counted[key] = cumulated
        side = Side.BUY if fact.quantity > 0 else Side.SELL
        late = Resting(key=key, account=fact.account, con_id=fact.con_id, side=side, remaining=cumulated - counted)
        self._book.sent(late)
        self._book.ended(key, filled=True)

    # --- inside -------------------------------------------------------------------------------------
    def _end(self, key: OrderKey, *, filled: bool) -> None:
        orders = self._book.order(key)
        if not orders:
            return
        everything = filled or len(orders) > 1
        self._counted[key] = None if everything else orders[0].filled
        if len(self._counted) > REMEMBERED_MAX:
            del self._counted[next(iter(self._counted))]
        self._book.ended(key, filled=filled)

    def _remember_execution(self, exec_id: str) -> None:
        self._executions[exec_id] = None
        if len(self._executions) > REMEMBERED_MAX:
            del self._executions[next(iter(self._executions))]


def _bound_as_shown(one: Resting, order: Order) -> Resting:
    parent = (one.key[0], order.parent_id) if isinstance(order.parent_id, int) and order.parent_id else None
    oca_type = order.oca_type if isinstance(order.oca_type, int) else 0
    group = group_of(one.key[0], order.oca_group)
    return msgspec.structs.replace(one, parent=parent, oca_group=group, oca_type=oca_type, rebound=False, former=None)
