"""What a client has last been told of its own working orders, frame by frame. Pure.

To be repeated when a modify is refused: the client has noted the change already. Bounded: the oldest are forgotten.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.broker.translate import ENDED
from engine.wire.replies import OpenOrder, OrderStatus

ORDERS_MAX = 5_000


class Heard:
    """Of one client connection, by order id."""

    def __init__(self) -> None:
        self._frames: dict[int, tuple[bytes, bytes]] = {}
        self.alive: Callable[[int], bool] = self._frames.__contains__
        """The client believes that an order works."""

    def note(self, reply: OpenOrder | OrderStatus, frame: bytes) -> None:
        """TWS tells the client of an order of its own."""
        order_id = reply.order_id
        status = reply.status if isinstance(reply, OrderStatus) else reply.state.status
        if status in ENDED:
            self._frames.pop(order_id, None)
            return
        order, last_status = self._frames.pop(order_id, (b"", b""))
        self._frames[order_id] = (order, frame) if isinstance(reply, OrderStatus) else (frame, last_status)
        if len(self._frames) > ORDERS_MAX:
            del self._frames[next(iter(self._frames))]

    def last(self, order_id: int) -> tuple[bytes, ...]:
        """The order, then its status, as far as they were heard."""
        return tuple(each for each in self._frames.get(order_id, ()) if each)
