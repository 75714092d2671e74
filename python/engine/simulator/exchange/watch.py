"""Conditional orders: whether what an order waits for has come, and when it is worth looking again.

Reads markets and books, and never changes an order: what follows from a condition is the floor's.
"""

from __future__ import annotations

from decimal import Decimal

from engine.simulator.exchange import conditions
from engine.simulator.exchange.book import LiveOrder
from engine.simulator.exchange.catalogue import Catalogue
from engine.simulator.exchange.clearing import Clearing
from engine.simulator.exchange.conditions import ChangeIs, CushionIs, Fact, PriceIs, TimeIs, Traded, VolumeIs
from engine.simulator.exchange.market import Markets
from engine.simulator.exchange.valuation import Valuation
from engine.simulator.exchange.volumes import MINUTE_NS, Volumes


class Watch:
    """The eyes of conditional orders."""

    def __init__(
        self,
        *,
        markets: Markets,
        catalogue: Catalogue,
        clearing: Clearing,
        valuation: Valuation,
        volumes: Volumes,
    ) -> None:
        self._markets, self._catalogue = markets, catalogue
        self._clearing, self._valuation, self._volumes = clearing, valuation, volumes

    def is_met(self, order: LiveOrder, now_ns: int) -> bool:
        """Are the order's conditions met now? In regular hours alone, unless the order says otherwise."""
        liquid = not order.request.conditions_ignore_rth
        if liquid and not self._markets.is_open(order.instrument, now_ns, liquid=True):
            return False
        return conditions.are_met(order.request.conditions, lambda fact: self._is_true(fact, order, now_ns))

    def next_look_ns(self, order: LiveOrder, now_ns: int) -> int | None:
        """The first instant after this one at which the answer may differ without anybody's doing."""
        if not order.request.conditions_ignore_rth and not self._markets.is_open(order.instrument, now_ns, liquid=True):
            return self._markets.next_open_ns(order.instrument, now_ns, liquid=True)
        looks = [self._next_ns(condition.fact, now_ns) for condition in order.request.conditions]
        return min((at_ns for at_ns in looks if at_ns is not None), default=None)

    def _is_true(self, fact: Fact, order: LiveOrder, now_ns: int) -> bool:
        match fact:
            case PriceIs():
                return conditions.price_is(fact, self._markets.quote(self._catalogue[fact.con_id], now_ns))
            case ChangeIs():
                return conditions.change_is(fact, self._markets.quote(self._catalogue[fact.con_id], now_ns))
            case VolumeIs():
                traded = self._volumes.of_session(self._catalogue[fact.con_id], now_ns)
                return conditions.reaches(fact.is_more, Decimal(traded), Decimal(fact.volume))
            case TimeIs():
                return now_ns >= fact.at_ns if fact.is_more else now_ns <= fact.at_ns
            case CushionIs():
                self._clearing.roll(now_ns)
                values = self._valuation.account(self._clearing.ledgers[order.request.account], now_ns)
                return conditions.reaches(fact.is_more, values.cushion * 100, fact.percent)
            case Traded():
                return self._has_traded(fact, order)

    def _has_traded(self, fact: Traded, order: LiveOrder) -> bool:
        for done, _ in reversed(self._clearing.executions):
            if done.at_ns < order.placed_ns:
                return False  # from here on everything is older than the order
            contract = self._catalogue[done.con_id].contract
            if (
                done.account == order.request.account
                and done.perm_id != order.perm_id
                and contract.symbol == fact.symbol
                and fact.sec_type in ("", contract.sec_type)
            ):
                return True
        return False

    def _next_ns(self, fact: Fact, now_ns: int) -> int | None:
        match fact:
            case TimeIs(at_ns=at_ns):
                return at_ns if fact.is_more and at_ns > now_ns else None
            case CushionIs():
                return self._markets.next_step_ns(now_ns)
            case Traded():
                return None  # a fill brings the look with it
            case VolumeIs(con_id=con_id):
                return self._in_session(con_id, now_ns, now_ns + MINUTE_NS - now_ns % MINUTE_NS)
            case PriceIs(con_id=con_id) | ChangeIs(con_id=con_id):
                moves_ns = self._markets.next_change_ns(self._catalogue[con_id], now_ns)
                return self._in_session(con_id, now_ns, moves_ns)

    def _in_session(self, con_id: int, now_ns: int, moves_ns: int | None) -> int:
        """The move, or the end of the open or closed stretch if that comes first; a closed market does not move."""
        phase = self._markets.phase(self._catalogue[con_id].calendar, now_ns)
        if not phase.is_open or moves_ns is None:
            return phase.to_ns
        return min(moves_ns, phase.to_ns)
