"""The facts of a placeOrder that every pre-flight check needs, at hardly more than the cost of splitting the message.

Reads the head of the message, which has the same length in every order, and leaves the rest alone until somebody asks.
Values are the codec's own: what is read here equals what `decode_request` reads, or MalformedMessage is raised.
Must never guess: what cannot be read exactly raises, and what was not read is not vouched for. A proxy that forwards
an order decodes it whole as well.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple, TypeVar

import msgspec

from engine.core.contracts import Contract, DeltaNeutral
from engine.core.units import BLANK, Flag, Number, Whole
from engine.wire.codec import VERSION_MAX, VERSION_MIN, encode_request
from engine.wire.errors import MalformedMessage, UnsupportedVersion
from engine.wire.fields import parse_flag, parse_id, parse_number, parse_reference, parse_whole
from engine.wire.order import Order, TimeCondition
from engine.wire.requests import PlaceOrder

_VERSION_FIELD_UNTIL = 144  # until then the message's own version stands before the order id
_HEAD_SIZE = 28  # fields from the id to transmit
_CASH_QTY_SINCE = 111
_CONDITIONS_SINCE = 102

_WITH_MORE_FIELDS = frozenset({"PEG BENCH", "PEGBENCH", "PEG BEST", "PEGBEST", "PEG MID", "PEGMID"})
_NO_INCREMENT = frozenset({"", "0", "0.0"})

_T = TypeVar("_T")


# --- the quick way: a usual order's head as one pattern, checked and picked in a single pass ------------------------
# Possessive (*+), so that a message that does not fit costs no more than one that does. Numbers are those that need
# no second thought, with fewer digits than any that mean "no number". Whatever does not fit is read carefully.

_SKIPPED = r"[^\0]*+\0"
_TEXT = r"([^\0]*+)\0"
_QUANTITY = r"(-?[0-9]{1,9}+(?:\.[0-9]{0,9}+)?+)\0"
_PRICE = r"((?:-?[0-9]{1,9}+(?:\.[0-9]{0,9}+)?+)?+)\0"  # the same, or blank
_USUAL_HEAD = re.compile(
    r"3\0"
    r"[0-9]{1,10}+\0"  # order_id: checked here, converted when asked for
    r"([0-9]{1,10}+)\0"  # con_id
    + _TEXT * 2  # symbol, sec_type
    + _SKIPPED * 11  # last_trade_date to sec_id
    + _TEXT  # action
    + _QUANTITY  # total_quantity
    + _TEXT  # order_type
    + _PRICE * 2  # lmt_price, aux_price
    + _SKIPPED * 2  # tif, oca_group
    + _TEXT  # account
    + _SKIPPED * 3  # open_close, origin, order_ref
    + r"([01])\0"  # transmit
)
_match_usual_head = _USUAL_HEAD.match

# Quantities are mostly small and whole: these are ready made, by the codec's own parser.
_QUANTITIES = {text: parse_number(text) for n in range(1001) for text in (str(n), f"{n}.0")}
_known_quantity = _QUANTITIES.get


class PlainTail(NamedTuple):
    """What stands further back in a plain order."""

    what_if: Flag
    cash_qty: Number  # blank before version 111, which brought it


class OrderFacts(msgspec.Struct, frozen=True, gc=False):
    """What one placeOrder wants. The attributes declared here are read at once, the properties when asked for."""

    con_id: int
    symbol: str
    sec_type: str
    action: str
    total_quantity: Number
    order_type: str
    lmt_price: Number
    aux_price: Number
    account: str
    transmit: Flag
    message: str  # the whole message
    version: int

    @property
    def order_id(self) -> int:
        return self._read(1, "order_id", parse_id)

    @property
    def last_trade_date(self) -> str:
        return self._text(5)

    @property
    def strike(self) -> Number:
        return self._read(6, "strike", parse_number)

    @property
    def right(self) -> str:
        return self._text(7)

    @property
    def multiplier(self) -> str:
        return self._text(8)

    @property
    def exchange(self) -> str:
        return self._text(9)

    @property
    def currency(self) -> str:
        return self._text(11)

    @property
    def local_symbol(self) -> str:
        return self._text(12)

    @property
    def tif(self) -> str:
        return self._text(21)

    @property
    def oca_group(self) -> str:
        return self._text(22)

    @property
    def order_ref(self) -> str:
        return self._text(26)

    @property
    def parent_id(self) -> Whole:
        return self._read(28, "parent_id", parse_whole)

    @property
    def outside_rth(self) -> Flag:
        return self._read(33, "outside_rth", parse_flag)

    @property
    def field_count(self) -> int:
        """All fields of the message, its id and version field included."""
        return self.message.count("\0")

    def plain_tail(self) -> PlainTail | None:
        """What-if flag and cash quantity; None if the order has variable parts: then decode it whole."""
        places = _plain_places(self.version)
        fields = self.message.split("\0")
        if _version_fields(self.version):
            del fields[1]
        if not places.fit(fields):
            return None
        what_if = self._read(places.what_if, "what_if", parse_flag)
        cash_qty = BLANK if places.cash_qty is None else self._read(places.cash_qty, "cash_qty", parse_number)
        return PlainTail(what_if, cash_qty)

    def _text(self, index: int) -> str:
        """A field of the head, which is there."""
        place = index + _version_fields(self.version)
        return self.message.split("\0", place + 1)[place]

    def _read(self, index: int, name: str, parse: Callable[[str], _T]) -> _T:
        place = index + _version_fields(self.version)
        fields = self.message.split("\0", place + 1)
        if len(fields) < place + 2:
            raise MalformedMessage(3, name, place, "the message ends before it")
        return _parse(parse, fields[place], name, place)


def parse_order_facts(payload: bytes, version: int) -> OrderFacts:
    """Read the head of a placeOrder. Anything that cannot be read exactly raises MalformedMessage."""
    try:
        message = payload.decode()
        found = _match_usual_head(message)
        if found is None or payload[-1] or not _VERSION_FIELD_UNTIL < version <= VERSION_MAX:
            return _parse_carefully(payload, version)
        con_id, symbol, sec_type, action, quantity, order_type, limit, aux, account, transmit = found.groups()
        return OrderFacts(
            int(con_id),
            symbol,
            sec_type,
            action,
            _known_quantity(quantity) or Decimal(quantity),
            order_type,
            Decimal(limit) if limit else BLANK,
            Decimal(aux) if aux else BLANK,
            account,
            transmit == "1",
            message,
            version,
        )
    except UnicodeDecodeError:
        return _parse_carefully(payload, version)


def _parse_carefully(payload: bytes, version: int) -> OrderFacts:
    """The same with the codec's own parsers. An error names the first field that does not fit."""
    if not VERSION_MIN <= version <= VERSION_MAX:
        raise UnsupportedVersion(str(version), VERSION_MIN, VERSION_MAX)
    try:
        message = payload.decode()
    except UnicodeDecodeError:
        message = payload.decode("latin-1")  # as the codec does
    extra = _version_fields(version)
    head = message.split("\0", _HEAD_SIZE + extra)
    if head[0] != "3":
        raise MalformedMessage(_message_id(head[0]), "id", 0, "this is not a placeOrder, whose id is 3")
    if not message.endswith("\0"):
        raise MalformedMessage(3, "end", message.count("\0"), "the last field has no end")
    if len(head) <= _HEAD_SIZE + extra:
        raise MalformedMessage(3, "transmit", len(head) - 1, "the message ends before it")
    if extra:
        _parse(parse_id, head.pop(1), "version", 1)
    _parse(parse_id, head[1], "order_id", 1 + extra)
    return OrderFacts(
        _parse(parse_reference, head[2], "con_id", 2 + extra),
        head[3],
        head[4],
        head[16],
        _parse(parse_number, head[17], "total_quantity", 17 + extra),
        head[18],
        _parse(parse_number, head[19], "lmt_price", 19 + extra),
        _parse(parse_number, head[20], "aux_price", 20 + extra),
        head[23],
        _parse(parse_flag, head[27], "transmit", 27 + extra),
        message,
        version,
    )


def _version_fields(version: int) -> int:
    """How many fields the message's own version number takes."""
    return 1 if version <= _VERSION_FIELD_UNTIL else 0


def _message_id(text: str) -> int | None:
    return int(text) if text.isdigit() and text.isascii() and len(text) < 10 else None


def _parse(parse: Callable[[str], _T], text: str, name: str, offset: int) -> _T:
    try:
        return parse(text)
    except ValueError as error:
        raise MalformedMessage(3, name, offset, str(error)) from None


# --- plain orders: those without any of the parts that make a placeOrder longer ------------------------------------


class _PlainPlaces(msgspec.Struct, frozen=True):
    """Where a plain order of one server version keeps things; counted without the version field."""

    length: int  # the empty text behind the last NUL included
    what_if: int
    cash_qty: int | None
    increment: int
    telling: tuple[tuple[int, str], ...]  # fields that decide whether others follow, and what they hold if none do

    def fit(self, fields: list[str]) -> bool:
        return (
            len(fields) == self.length
            and fields[4] != "BAG"
            and fields[9] != "IBKRATS"
            and fields[18] not in _WITH_MORE_FIELDS
            and fields[self.increment] in _NO_INCREMENT
            and all(fields[index] == text for index, text in self.telling)
        )


@functools.cache
def _plain_places(version: int) -> _PlainPlaces:
    """Learn the places from the codec: write orders that differ from a plain one in a single thing."""
    no_contract, no_order = Contract(), Order()
    plain = _written(no_order, no_contract, version)

    def place(order: Order, contract: Contract) -> int:
        pairs = zip(plain, _written(order, contract, version), strict=False)
        return next(index for index, (one, other) in enumerate(pairs) if one != other)

    telling = [
        place(Order(delta_neutral_order_type="MKT"), no_contract),
        place(Order(hedge_type="D"), no_contract),
        place(Order(algo_strategy="Vwap"), no_contract),
        place(no_order, Contract(delta_neutral=DeltaNeutral(1, Decimal(1), Decimal(1)))),
    ]
    if version >= _CONDITIONS_SINCE:
        telling.append(place(Order(conditions=(TimeCondition("a", True, ""),)), no_contract))
    return _PlainPlaces(
        length=len(plain),
        what_if=place(Order(what_if=True), no_contract),
        cash_qty=place(Order(cash_qty=Decimal(1)), no_contract) if version >= _CASH_QTY_SINCE else None,
        increment=place(Order(scale_price_increment=Decimal(1)), no_contract),
        telling=tuple((index, plain[index]) for index in telling),
    )


def _written(order: Order, contract: Contract, version: int) -> list[str]:
    fields = encode_request(PlaceOrder(1, contract, order), version).decode().split("\0")
    if _version_fields(version):
        del fields[1]
    return fields
