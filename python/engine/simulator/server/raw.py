"""Messages that only the simulator speaks: read field by field from requests that the codec does not know.

The codec (`engine.wire`) holds what the engine needs, and is tested against five clients. What other programs ask TWS
for besides is read and written here and in the desks that answer it (decision 0044). A field that makes no sense is an
error for the client, never a guess.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, TypeAlias

from engine.core.contracts import Contract
from engine.wire.replies import UnknownReply
from engine.wire.requests import UnknownRequest

if TYPE_CHECKING:
    from engine.simulator.server.connection import Connection

_NUMBER_MAX = 10**10  # larger ids and counts do not exist


class UnreadableField(ValueError):
    """A field that is not what it should be; the text is for the client."""


class Fields:
    """The fields of one request, taken from the front. The message id is gone already."""

    def __init__(self, request: UnknownRequest) -> None:
        self._fields = request.payload.decode(errors="replace").split("\0")[1:-1]
        self._at = 0

    def text(self, name: str = "") -> str:
        if self._at >= len(self._fields):
            raise UnreadableField(f"Unable to parse field: '{name}': the message ends before it.")
        self._at += 1
        return self._fields[self._at - 1]

    def whole(self, name: str) -> int:
        """A whole number; blank is 0, as clients write it."""
        text = self.text(name)
        digits = text.removeprefix("-")
        if text and not (digits.isascii() and digits.isdigit() and int(digits) < _NUMBER_MAX):
            raise UnreadableField(f"Unable to parse field: '{name}': {text!r} is not a whole number.")
        return int(text or 0)

    def flag(self, name: str) -> bool:
        text = self.text(name)
        if text not in ("0", "1", ""):
            raise UnreadableField(f"Unable to parse field: '{name}': {text!r} is neither 0 nor 1.")
        return text == "1"

    def number(self, name: str) -> Decimal:
        text = self.text(name)
        try:
            number = Decimal(text or 0)
        except InvalidOperation:
            raise UnreadableField(f"Unable to parse field: '{name}': {text!r} is not a number.") from None
        if not number.is_finite():
            raise UnreadableField(f"Unable to parse field: '{name}': {text!r} is not a number.")
        return number

    def contract(self) -> Contract:
        """The twelve fields that clients write for a contract."""
        return Contract(
            con_id=self.whole("conId"),
            symbol=self.text("symbol"),
            sec_type=self.text("secType"),
            last_trade_date=self.text("lastTradeDateOrContractMonth"),
            strike=self.number("strike"),
            right=self.text("right"),
            multiplier=self.text("multiplier"),
            exchange=self.text("exchange"),
            primary_exchange=self.text("primaryExchange"),
            currency=self.text("currency"),
            local_symbol=self.text("localSymbol"),
            trading_class=self.text("tradingClass"),
        )


RawHandler: TypeAlias = "Callable[[Connection, Fields], None]"


def reply(message_id: int, *fields: object) -> UnknownReply:
    """A reply of these fields. Numbers are written plainly; there is no None."""
    texts = [f"{field:f}" if isinstance(field, Decimal) else str(field) for field in (message_id, *fields)]
    return UnknownReply(message_id, "".join(f"{text}\0" for text in texts).encode())
