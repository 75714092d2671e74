"""What is learned from what TWS tells a client, which passes as it came whatever is thought of it here.

Must never hold a message of TWS's back, nor take what could not be read for nothing.
"""

from __future__ import annotations

from engine.gateway.cutting import PREFIX, Cut, number_of
from engine.gateway.ends import Ends
from engine.gateway.heard import Heard
from engine.gateway.house import House
from engine.wire.codec import decode_reply
from engine.wire.errors import MalformedMessage
from engine.wire.replies import ErrorMessage, Execution, OpenOrder, OrderStatus, Reply

NEXT_VALID_ID = b"9"
HEARD = frozenset({b"3", b"4", b"5", NEXT_VALID_ID, b"11"})  # orderStatus, errors, openOrder, nextValidId, execDetails


class Hearing:
    """Of one client."""

    def __init__(self, ends: Ends, house: House, heard: Heard) -> None:
        self._ends = ends
        self._house = house
        self._desk = house.desk
        self._tray = house.desk.tray
        self._heard = heard

    def hear_all(self, cut: Cut) -> None:
        """Whole messages, as they were passed on."""
        data, ends = cut
        start = 0
        for stop in ends:
            number = number_of(data, start, stop)
            if number in HEARD:
                self.hear(number, data[start:stop])
            start = stop

    def hear(self, number: bytes, message: bytes) -> None:
        """One of those, length included."""
        if number == NEXT_VALID_ID:
            self._let_in()
        else:
            self._tray.put(self._hear, message)

    def _hear(self, message: bytes) -> None:
        """From the tray."""
        try:
            reply: Reply = decode_reply(message[PREFIX:], self._ends.version)
        except MalformedMessage as error:
            self._house.log(f"client {self._ends.client_id}: a message of TWS's could not be read: {error}")
            if self._desk.login is not None:
                self._desk.login.look_soon()  # it may have been about an order: the list tells
            return
        if self._ends.client_id is not None and isinstance(reply, OrderStatus | OpenOrder | Execution | ErrorMessage):
            self._desk.heard(self._ends.client_id, reply)
            self._note(reply, message)

    def _let_in(self) -> None:
        if not self._ends.ready and self._ends.client_id is not None:
            self._ends.ready = True
            self._desk.admit(self._ends.client_id)

    def _note(self, reply: Reply, message: bytes) -> None:
        """What is repeated when a modify is refused."""
        match reply:
            case OrderStatus() if reply.client_id == self._ends.client_id:
                self._heard.note(reply, message)
            case OpenOrder() if reply.order.client_id == self._ends.client_id and reply.order.what_if is not True:
                self._heard.note(reply, message)
