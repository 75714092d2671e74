"""What TWS says during a kill, as the machine's events. It only translates: every message is passed on or named here
as of no interest; lists that were asked for come through `reads` instead.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.broker import translate
from engine.broker.close_orders import CloseOrders
from engine.broker.link import BROKER_BACK, BROKER_LOST, Link
from engine.broker.reads import Reads
from engine.core.kill import events as ev
from engine.core.units import known
from engine.wire.events import ClientEvent, Lenient, Malformed
from engine.wire.replies import (
    CurrentTime,
    ErrorMessage,
    Execution,
    MarketRule,
    OpenOrder,
    OrderStatus,
    Position,
    UnknownReply,
)


class Ears:
    """Listens to every connection of one kill. Of the main one it also tells what is not about closing orders."""

    def __init__(self, orders: CloseOrders, tell: Callable[[ev.Event], None]) -> None:
        self._orders = orders
        self._tell = tell

    def heard(self, link: Link, event: ClientEvent) -> None:
        """A message on any connection."""
        match event:
            case OrderStatus():
                self._heard_status(event)
            case OpenOrder():
                self._heard_open_order(event)
            case Execution():
                self._heard_execution(event)
            case ErrorMessage():
                key = self._orders.by_order_id(link, event.req_id)
                if key is not None:
                    self._tell(ev.CloseError(key, event.code, event.text))

    def heard_on_main(self, link: Link, reads: Reads, event: ClientEvent) -> None:
        """A message on the main connection, beside what `heard` made of it."""
        match event:
            case ErrorMessage() if event.code in BROKER_LOST:
                self._tell(ev.BrokerLink(up=False, code=event.code))
            case ErrorMessage() if event.code in BROKER_BACK:
                self._tell(ev.BrokerLink(up=True, code=event.code))
            case ErrorMessage() if (
                not reads.owns(event.req_id) and self._orders.by_order_id(link, event.req_id) is None
            ):
                self._tell(ev.Notice(event.code, event.text))
            case OrderStatus() if event.status in translate.ENDED:
                self._heard_last_word(event)
            case OrderStatus() if not reads.reading_orders:
                self._heard_other_order(event.perm_id, event.status, self._key_of(event))
            case OpenOrder() if not reads.reading_orders:
                self._heard_other_order(event.order.perm_id, event.state.status, self._key_of(event))
            case Position() if not reads.reading_positions and known(event.position) is not None:
                self._tell(ev.PositionChanged(translate.position(event)))
            case CurrentTime(time_s):
                self._tell(ev.ServerClock(time_s, round(link.clock.late_s * 1e9)))
            case MarketRule():
                self._tell(ev.RuleHeard(event.rule_id, translate.price_steps(event)))
            case Malformed() | Lenient() | UnknownReply():
                self._tell(ev.Notice(0, _unread(event)))

    def _heard_last_word(self, status: OrderStatus) -> None:
        """An order that is none of ours is over, and so much of it has filled. Without a permId it may be any."""
        filled = known(status.filled)
        if status.perm_id and filled is not None and self._key_of(status) is None:
            self._tell(ev.OrderEnded(status.perm_id, status.status, filled))

    def _heard_other_order(self, perm_id: int, status: str, key: int | None) -> None:
        """An order that is none of ours and not over."""
        if key is None and status not in translate.ENDED:
            self._tell(ev.OrderSeen(perm_id, status))

    def _heard_status(self, status: OrderStatus) -> None:
        key = self._key_of(status)
        if key is not None:
            filled = known(status.filled)
            told = None if filled is None else translate.plain(filled)
            self._tell(ev.CloseStatus(key, status.status, told, status.perm_id))

    def _heard_open_order(self, reply: OpenOrder) -> None:
        key = self._key_of(reply)
        if key is not None and reply.state.status:
            self._tell(ev.CloseStatus(key, reply.state.status, None, reply.order.perm_id))

    def _key_of(self, reply: OrderStatus | OpenOrder) -> int | None:
        """Which of our orders a message is about."""
        if isinstance(reply, OrderStatus):
            return self._orders.find(
                client_id=reply.client_id, order_id=reply.order_id, perm_id=reply.perm_id, order_ref=""
            )
        order = reply.order
        return self._orders.find(
            client_id=order.client_id,
            order_id=reply.order_id,
            perm_id=order.perm_id,
            order_ref=order.order_ref,
            account=order.account,
            con_id=reply.contract.con_id,
            action=order.action,
        )

    def _heard_execution(self, reply: Execution) -> None:
        if reply.contract.sec_type == "BAG":
            return  # a summary: its legs are told as well
        try:
            execution = translate.execution(reply)
        except translate.Unclear as unclear:
            self._tell(ev.Notice(0, str(unclear)))
            return
        key = self._orders.of_execution(execution)
        if key is not None:
            self._tell(ev.CloseFill(key, self._orders.execution_with_ref(execution)))


def _unread(event: Malformed | Lenient | UnknownReply) -> str:
    match event:
        case Malformed():
            return f"a message from TWS could not be read: {event.error}"
        case Lenient():
            return f"a message from TWS is read as far as it is known: {event.error.where}"
        case UnknownReply():
            return f"TWS sent message {event.message_id}, which this program does not know"
