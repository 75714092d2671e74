"""What becomes of each message of a client that TWS has answered: passed on, judged, or refused.

What cannot change anything passes as it came and in its turn. Cancels wait for nobody, and take what is still queued
with them. Must never pass an order that was not judged, nor end a connection for a refused one.
"""

from __future__ import annotations

from engine.gateway import answers
from engine.gateway.clarity import ID_MAX, unclear
from engine.gateway.cutting import PREFIX, number_of
from engine.gateway.ends import Ends
from engine.gateway.house import House
from engine.gateway.order_line import OrderLine
from engine.gateway.police import KINDS, Kind, binds_manual_orders
from engine.gateway.wishes import End, Ruling
from engine.wire.codec import decode_request, encode_request
from engine.wire.errors import LocalError, MalformedMessage
from engine.wire.requests import CancelOrder, ExerciseOptions, PlaceOrder, StartApi
from engine.wire.spelling import keep_spelling

CANCELLED_FIRST = "it was cancelled before it was sent"


class Policing:
    """Of one client."""

    def __init__(self, ends: Ends, house: House, line: OrderLine) -> None:
        self._ends = ends
        self._house = house
        self._desk = house.desk
        self._line = line

    def take(self, message: bytes) -> None:
        """One whole message, length included. Raises ProtocolError for what ends the connection."""
        number = number_of(message, 0, len(message))
        kind = KINDS.get(number, Kind.UNKNOWN)
        if kind is Kind.READ and binds_manual_orders(number, self._ends.client_id):
            kind = Kind.BIND
        match kind:
            case Kind.READ:
                self._line.read(message)
            case Kind.ORDER:
                if not self._line.express(message):
                    self.order(message)
            case Kind.CANCEL:
                self._cancel(message)
            case Kind.CANCEL_ALL:
                self._house.withdraw_all(CANCELLED_FIRST)
                self._ends.pass_on(message)
                self._desk.cancels_all()
            case Kind.START:
                self._start(message)
            case Kind.BIND:
                self._bind(message)
            case Kind.EXERCISE:
                self._exercise(message)
            case Kind.REFUSED | Kind.UNKNOWN:
                self._refuse(message, f"message {_shown(number)} does not pass the gateway")

    # --- orders ------------------------------------------------------------------------------------
    def order(self, message: bytes) -> None:
        """One that is an order by its number, and did not go by the express way."""
        payload = message[PREFIX:]
        try:
            request = decode_request(payload, self._ends.version)
            if not isinstance(request, PlaceOrder):  # read, and found to be what would be written again (engine.wire)
                raise MalformedMessage(3, "order", 0, "it is none")
        except (MalformedMessage, LocalError) as error:
            self._not_understood(message, payload, str(error))
            return
        doubt = unclear(request, self._ends.client_id)
        if doubt:
            self._not_understood(message, payload, doubt)
            return
        if not self._ends.ready or self._ends.client_id is None:
            why = "TWS has not let this client in yet: wait for nextValidId"
            self._ends.answer(answers.refused_order(self._ends.version, request.order_id, why))
        else:
            self._line.order(message, request)

    def _not_understood(self, message: bytes, payload: bytes, why: str) -> None:
        """What is not understood exactly is not guessed."""
        fields = payload.split(b"\0", 3)
        text = fields[1 if self._ends.version > 144 else 2] if len(fields) == 4 else b""
        order_id = int(text) if text.removeprefix(b"-").isdigit() and len(text) < 11 else answers.NO_ID
        key = (self._ends.client_id or 0, order_id)
        alive = self._line.lives(order_id)
        self._desk.not_understood(key, why)
        if self._desk.shadow:
            self._line.read(message)
        else:
            self._line.tell(order_id, Ruling(End.REFUSED, f"not_understood: {why}", alive))

    def _cancel(self, message: bytes) -> None:
        self._desk.tally.count("cancels")
        try:
            request = decode_request(message[PREFIX:], self._ends.version)
        except MalformedMessage:
            request = None  # TWS will say what it thinks of it: a cancel is held up by nothing
        if isinstance(request, CancelOrder):
            self._line.withdraw(CANCELLED_FIRST, request.order_id)
        self._ends.pass_on(message)

    # --- the others --------------------------------------------------------------------------------
    def _start(self, message: bytes) -> None:
        request = decode_request(message[PREFIX:], self._ends.version)
        if self._ends.client_id is not None or not isinstance(request, StartApi):
            raise MalformedMessage(71, "startApi", 0, "it names itself a second time")
        if not 0 <= request.client_id <= ID_MAX:  # below 0 stand orders typed into TWS
            raise MalformedMessage(71, "startApi", 1, f"{request.client_id} is no client id: 0 to {ID_MAX}")
        self._ends.client_id = request.client_id
        self._ends.pass_on(message)

    def _bind(self, message: bytes) -> None:
        """TWS cancels manual orders and sends them anew under this client: nothing for a halted login."""
        if self._desk.checks.state().may_add_risk or self._desk.shadow:
            self._ends.pass_on(message)  # not behind orders that wait: a halt may come meanwhile
        else:
            self._refuse(message, "while the login is halted, manual orders are not bound")

    def _exercise(self, message: bytes) -> None:
        payload, req_id = message[PREFIX:], answers.NO_ID
        try:
            request = decode_request(payload, self._ends.version)
            if not isinstance(request, ExerciseOptions):
                raise MalformedMessage(21, "exercise", 0, "it is none")
            req_id = request.req_id
            keep_spelling(21, encode_request(request, self._ends.version), payload)
        except (MalformedMessage, LocalError) as error:
            self._refuse(message, f"not_understood: {error}", req_id)
            return
        if self._ends.ready:
            self._line.exercise(message, request)
        else:
            self._refuse(message, "TWS has not let this client in yet: wait for nextValidId", req_id)

    def _refuse(self, message: bytes, why: str, req_id: int = answers.NO_ID) -> None:
        self._house.log(f"client {self._ends.client_id}: {why}")
        self._desk.tally.refuse((_counted(number_of(message, 0, len(message))),))
        if self._desk.shadow:
            self._line.read(message)
        else:
            told = answers.error(self._ends.version, req_id, answers.CANNOT_VALIDATE, f"Not sent to TWS: {why}")
            self._ends.answer(told)


def _counted(number: bytes) -> str:
    """How it is counted: a program can think of any number of numbers."""
    return f"message {number.decode()}" if number.isdigit() and len(number) <= 3 else "a message of no known kind"


def _shown(number: bytes) -> str:
    return number[:12].decode("ascii", "replace")
