"""May this order come in, beside what else the login has and as its market stands? Changes nothing.

The rules that need no more than the order itself are in `checks`; what it would cost, in `power`.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.simulator.exchange import checks, conditions, refusals
from engine.simulator.exchange.book import LiveOrder, OrderBook
from engine.simulator.exchange.catalogue import Catalogue
from engine.simulator.exchange.clearing import Clearing
from engine.simulator.exchange.instruments import Instrument, SecType
from engine.simulator.exchange.market import Markets
from engine.simulator.exchange.orders import Action, NewOrder, Status
from engine.simulator.exchange.refusals import Refusal
from engine.simulator.exchange.settings import Behaviour, FarLimit, HaltedPolicy

ZERO = Decimal(0)


class Admission:
    """The refusals of new and changed orders, in the order in which TWS and IBKR would find them."""

    def __init__(self, *, catalogue: Catalogue, markets: Markets, book: OrderBook, clearing: Clearing) -> None:
        self._catalogue, self._markets, self._book, self._clearing = catalogue, markets, book, clearing

    def of_new(self, request: NewOrder, instrument: Instrument, behaviour: Behaviour, now_ns: int) -> Refusal | None:
        """What is wrong with a new order itself, even as a question (what-if)."""
        return (
            self._bad_account(request)
            or checks.malformed(request, instrument, now_ns)
            or self._bad_parent(request)
            or self._bad_market(instrument, behaviour)
            or self._bad_condition(request)
        )

    def of_change(self, order: LiveOrder, request: NewOrder, now_ns: int) -> Refusal | None:
        """Why an open order cannot become this one."""
        if order.status is Status.PENDING_CANCEL or order.pending_change is not None:
            return refusals.STILL_PROCESSING
        if checks.conflicts_with(order.request, request):
            return refusals.MODIFY_MISMATCH
        return checks.malformed(request, order.instrument, now_ns) or self._bad_condition(request)

    def crowded(self, request: NewOrder, instrument: Instrument, behaviour: Behaviour) -> Refusal | None:
        """Too many orders on this side, or (US options) any on the other."""
        same_side = self._book.on_side(request.account, request.con_id, request.action)
        if len(same_side) >= behaviour.orders_per_side_max:
            return refusals.too_many_orders(behaviour.orders_per_side_max)
        if instrument.sec_type is SecType.OPTION and not request.parent_id:
            other = Action.SELL if request.action == Action.BUY else Action.BUY
            resting = self._book.on_side(request.account, request.con_id, other)
            if any(order.transmitted and not order.is_child_held for order in resting):
                return refusals.BOTH_SIDES
        return None

    def far_limit(
        self, request: NewOrder, instrument: Instrument, behaviour: Behaviour, now_ns: int
    ) -> Refusal | Decimal | None:
        """A limit too far through the market: refused, or the price it is capped at. None: near enough."""
        if behaviour.far_limit is FarLimit.ACCEPT:
            return None
        market_price = self._other_side(request, instrument, now_ns)
        nearest = checks.far_limit(request, instrument, market_price, behaviour)
        if nearest is not None and behaviour.far_limit is FarLimit.CANCEL:
            return refusals.too_far(request.lmt_price or ZERO, market_price or ZERO)
        return nearest

    def sized(self, request: NewOrder, now_ns: int) -> NewOrder:
        """An order for an amount of money gets the quantity that it buys now, at its limit or at the market."""
        instrument = self._catalogue.get(request.con_id)
        if request.cash_qty is None or instrument is None or not request.cash_qty.is_finite():
            return request
        price = (
            request.lmt_price or self._other_side(request, instrument, now_ns) or self._markets.last(instrument, now_ns)
        )
        if not price.is_finite() or price <= 0:
            return request
        return msgspec.structs.replace(request, quantity=checks.bought_for(request.cash_qty, price, instrument))

    def _bad_account(self, request: NewOrder) -> Refusal | None:
        if not request.account:
            return refusals.MISSING_ACCOUNT
        return None if request.account in self._clearing.ledgers else refusals.UNKNOWN_ACCOUNT

    def _bad_parent(self, request: NewOrder) -> Refusal | None:
        if not request.parent_id:
            return None
        parent = self._book.find(request.client_id, request.parent_id)
        if parent is None:
            return refusals.NO_PARENT
        return None if parent.is_open or parent.status is Status.FILLED else refusals.PARENT_DONE

    def _bad_market(self, instrument: Instrument, behaviour: Behaviour) -> Refusal | None:
        if self._markets.is_halted(instrument) and behaviour.halted is HaltedPolicy.REJECT:
            return refusals.HALTED
        return None

    def _bad_condition(self, request: NewOrder) -> Refusal | None:
        unknown = any(self._catalogue.get(con_id) is None for con_id in conditions.watched(request.conditions))
        return refusals.BAD_CONDITION if unknown else None

    def _other_side(self, request: NewOrder, instrument: Instrument, now_ns: int) -> Decimal | None:
        bid, ask = self._markets.touch(instrument, now_ns)
        return ask if request.sign > 0 else bid
