"""A small stage for tests of the exchange: one account, an open market, and short ways to say an order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar

from engine.simulator.exchange import (
    AccountSpec,
    Behaviour,
    Event,
    Exchange,
    Fill,
    Instrument,
    NewOrder,
    OrderMessage,
    OrderView,
    Rejected,
    Status,
    StatusChanged,
)

D = Decimal
SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
ACCOUNT = "DU1"
EventType = TypeVar("EventType")


def at(text: str) -> int:
    """Nanoseconds of a UTC time such as `2026-09-09 15:00`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND


OPEN = at("2026-09-09 15:00")  # a Wednesday, 11:00 in New York, 10:00 in Chicago: everything trades
NIGHT = at("2026-09-10 03:00")  # 23:00 in New York: only futures and FX trade
SATURDAY = at("2026-09-12 15:00")
EXPIRY = date(2026, 9, 18)
STILL = Behaviour(moves=False)


class Stage:
    """An exchange with one client's habits: numbered orders, time that only moves when told."""

    def __init__(
        self,
        *,
        start_ns: int = OPEN,
        cash: Decimal | int = 1_000_000,
        behaviour: Behaviour = STILL,
        seed: int = 7,
        accounts: Sequence[str] = (ACCOUNT,),
    ) -> None:
        specs = [AccountSpec(account, D(cash)) for account in accounts]
        self.exchange = Exchange(seed=seed, start_ns=start_ns, accounts=specs, behaviour=behaviour)
        self.catalogue = self.exchange.catalogue
        self.es = self.catalogue.future("ES")
        self.cl = self.catalogue.future("CL")
        self.aapl = self.catalogue.stock("AAPL")
        self.call = self.catalogue.option(self.aapl, EXPIRY, 230, "C")
        self._ids = count(1)

    @property
    def now_ns(self) -> int:
        return self.exchange.now_ns

    def order(self, instrument: Instrument, action: str, quantity: Decimal | int, **fields: Any) -> NewOrder:
        """An order with the next id; a market order unless a type is named."""
        fields.setdefault("order_id", next(self._ids))
        for price in ("lmt_price", "aux_price", "trailing_percent", "trail_stop_price"):
            if fields.get(price) is not None:
                fields[price] = D(fields[price])
        return NewOrder(
            con_id=instrument.con_id,
            action=action,
            quantity=D(quantity),
            **{"client_id": 1, "account": ACCOUNT, "order_type": "MKT", **fields},
        )

    def place(self, instrument: Instrument, action: str, quantity: Decimal | int, **fields: Any) -> list[Event]:
        return self.exchange.place(self.now_ns, self.order(instrument, action, quantity, **fields))

    def rest(self, instrument: Instrument, action: str, quantity: Decimal | int, **fields: Any) -> OrderView:
        """Place an order that is expected to be taken, and return it."""
        order = self.order(instrument, action, quantity, **fields)
        events = self.exchange.place(self.now_ns, order)
        assert not of(events, Rejected), events
        found = self.exchange.find_order(order.client_id, order.order_id)
        assert found is not None
        return found

    def now(self, order: OrderView) -> OrderView:
        return self.exchange.order(order.perm_id)

    def price(self, instrument: Instrument, price: Decimal | int | str) -> list[Event]:
        """The market jumps."""
        return self.exchange.set_price(self.now_ns, instrument.con_id, D(price))

    def wait(self, duration_ns: int) -> list[Event]:
        return self.exchange.advance(self.now_ns + duration_ns)

    def held(self, instrument: Instrument, account: str = ACCOUNT) -> Decimal:
        return sum((p.quantity for p in self.exchange.positions(account) if p.con_id == instrument.con_id), D(0))


def of(events: Sequence[Event], kind: type[EventType]) -> list[EventType]:
    return [event for event in events if isinstance(event, kind)]


def fills(events: Sequence[Event]) -> list[tuple[Decimal, Decimal]]:
    """Quantity and price of each fill."""
    return [(fill.execution.quantity, fill.execution.price) for fill in of(events, Fill)]


def refusal(events: Sequence[Event]) -> int:
    """The code of the one refusal there is."""
    (rejected,) = of(events, Rejected)
    return rejected.code


def codes(events: Sequence[Event]) -> list[int]:
    return [message.code for message in of(events, OrderMessage)]


def statuses(events: Sequence[Event]) -> list[Status]:
    return [change.order.status for change in of(events, StatusChanged)]
