"""Forms: an order that was understood whole once is understood again at a glance, with other numbers in it.

Programs send the same order over and over: another id, quantity or limit. What stands around those is compared byte for
byte with an order that the codec has read and would write again. Which bytes those are is found out once, as the form
is learnt. Pure. Must never take another order for a known form, nor read a number otherwise than the codec does; only
plain orders (one contract, no parent, no group) make a form.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import msgspec

from engine.core.exposure import Side
from engine.core.preflight.intent import Intent
from engine.core.units import BLANK, Number
from engine.gateway.cutting import PREFIX
from engine.wire.order import Order

FORMS_MAX = 1_000  # then the oldest are forgotten
OF_CONTRACT_MAX = 8  # forms that orders in one contract are compared with
NUMBERS_MAX = 1_000  # that are remembered as they are spelled
VERSION_MIN = 145  # until then the message's own version stands before the order's id

# Numbers in their plainest spelling, which every parser reads alike. Whatever does not fit is read carefully.
_WHOLE = rb"([1-9][0-9]{0,8}+)"
_QUANTITY = rb"([1-9][0-9]{0,8}+(?:\.[0-9]{1,9}+)?+)"
_LIMIT = rb"((?:(?:[1-9][0-9]{0,8}+|0)(?:\.[0-9]{1,9}+)?+)?+)"
_USUAL = re.compile(
    rb".{4}3\0"
    + _WHOLE  # its id
    + rb"\0((?:[^\0]*+\0){14})(BUY|SELL)\0"  # the contract, the action
    + _QUANTITY
    + rb"\0(LMT|MKT)\0"
    + _LIMIT
    + rb"\0\0",  # and no auxiliary price
    re.DOTALL,
)
_AT_ID = PREFIX + 2  # behind the length, and the message's number
_ID_DIGITS_MAX = 9
_ZERO = ord("0")
_is_quantity, _is_limit = re.compile(_QUANTITY).fullmatch, re.compile(_LIMIT).fullmatch


class Form(msgspec.Struct, frozen=True, gc=False):
    """What is the same in all orders of a form. `until_ns`: when its contract's terms have to be asked for again."""

    account: str
    con_id: int
    symbol: str
    sec_type: str
    side: Side
    order_type: str
    tif: str
    outside_rth: bool
    order_ref: str
    slip: bytes  # how a slip of it begins
    until_ns: int
    version: int
    before: bytes  # what stands between its id and its quantity
    kind: bytes  # and between quantity and limit
    behind: bytes  # all that follows the limit

    def intent(self, quantity: Decimal, limit: Number) -> Intent:
        return Intent(
            self.account,
            self.con_id,
            self.sec_type,
            self.symbol,
            self.side,
            quantity,
            self.order_type,
            limit,
            BLANK,
            self.tif,
            self.outside_rth,
        )


class Numbers:
    """Numbers by their plainest spelling. `plain`: which that is; None of a number: it is spelled otherwise."""

    def __init__(self, plain: Callable[[bytes], object]) -> None:
        self._plain = plain
        self._known: dict[bytes, Decimal] = {}
        self.known = self._known.get

    def read(self, text: bytes) -> Decimal | None:
        if not text or not self._plain(text):
            return None
        number = self._known[text] = Decimal(text.decode())
        if len(self._known) > NUMBERS_MAX:
            del self._known[next(iter(self._known))]
        return number


class Forms:
    """Of one login."""

    def __init__(self) -> None:
        self._forms: dict[tuple[object, ...], Form] = {}
        self._of_contract: dict[bytes, tuple[Form, ...]] = {}
        self._quantities, self._limits = Numbers(_is_quantity), Numbers(_is_limit)

    def read(self, message: bytes, version: int) -> tuple[Form, int, Decimal, Number, list[bytes]] | None:
        """An order's form, its id, quantity and limit, and those two as they are spelled: the first and the last of
        three. `message`: a whole one. None: it is no known form.
        """
        if not message.startswith(b"3\0", PREFIX):
            return None
        id_ends = message.find(b"\0", _AT_ID)
        for form in self._of_contract.get(message[id_ends : message.find(b"\0", id_ends + 1)], ()):
            if form.version == version and message.startswith(form.before, id_ends) and message.endswith(form.behind):
                break
        else:
            return None
        order_id = message[_AT_ID:id_ends]
        texts = message[id_ends + len(form.before) : len(message) - len(form.behind)].split(b"\0")
        if len(texts) != 3 or texts[1] != form.kind:
            return None
        if not order_id.isdigit() or order_id[0] == _ZERO or len(order_id) > _ID_DIGITS_MAX:
            return None
        quantity = self._quantities.known(texts[0]) or self._quantities.read(texts[0])
        limit: Number | None = BLANK
        if texts[2]:
            limit = self._limits.known(texts[2]) or self._limits.read(texts[2])
        if quantity is None or limit is None:
            return None
        return form, int(order_id), quantity, limit, texts

    def learn(self, message: bytes, version: int, order: Order, intent: Intent, until_ns: int) -> None:
        """Of an order that was read whole, and has passed. `order`: as the codec has read it."""
        found = _USUAL.match(message)
        plain = intent.special is None and order.transmit is True and order.what_if is False
        if found is None or not plain or version < VERSION_MIN or intent.con_id <= 0:
            return
        _, contract, action, quantity, order_type, limit = found.groups()
        texts = (intent.account, str(intent.con_id), intent.symbol, intent.sec_type, intent.side.name)
        form = Form(
            account=intent.account,
            con_id=intent.con_id,
            symbol=intent.symbol,
            sec_type=intent.sec_type,
            side=intent.side,
            order_type=intent.order_type,
            tif=intent.tif,
            outside_rth=intent.outside_rth,
            order_ref=order.order_ref,
            slip="\0".join((*texts, intent.order_type, order.order_ref)).encode(),
            until_ns=until_ns,
            version=version,
            before=b"\0%b%b\0" % (contract, action),
            kind=order_type,
            behind=message[found.end() - 2 :],
        )
        if form.intent(Decimal(quantity.decode()), Decimal(limit.decode()) if limit else BLANK) != intent:
            return  # something else is in it than a form has
        key = (form.behind, form.before, form.kind, version)
        self._leave_out(key)
        self._forms[key] = form
        if len(self._forms) > FORMS_MAX:
            self._leave_out(next(iter(self._forms)))
        begins = _begins(form)
        self._of_contract[begins] = (form, *self._of_contract.get(begins, ()))[:OF_CONTRACT_MAX]

    def _leave_out(self, key: tuple[object, ...]) -> None:
        form = self._forms.pop(key, None)
        if form is not None:
            begins = _begins(form)
            others = tuple(one for one in self._of_contract.get(begins, ()) if one is not form)
            if others:
                self._of_contract[begins] = others
            else:
                self._of_contract.pop(begins, None)

    def forget(self) -> None:
        """Accounts or terms may have become others."""
        self._forms.clear()
        self._of_contract.clear()


def _begins(form: Form) -> bytes:
    """By what an order is found: its contract's id, as it is spelled."""
    return form.before[: form.before.index(b"\0", 1)]
