"""Forms: an order that was understood whole once is understood again at a glance, with other numbers in it.

Programs send the same order over and over: another id, quantity or limit. What stands around those is compared byte for
byte with an order that the codec has read and would write again. Pure. Must never take another order for a known form,
nor read a number otherwise than the codec does; only plain orders (one contract, no parent, no group) make a form.
"""

from __future__ import annotations

import re
from decimal import Decimal

import msgspec

from engine.core.exposure import Side
from engine.core.preflight.intent import Intent
from engine.core.units import BLANK
from engine.wire.order import Order

FORMS_MAX = 1_000  # then the oldest are forgotten
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
match_usual = _USUAL.match


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

    def intent(self, quantity: bytes, limit: bytes) -> Intent:
        return Intent(
            self.account,
            self.con_id,
            self.sec_type,
            self.symbol,
            self.side,
            Decimal(quantity.decode()),
            self.order_type,
            Decimal(limit.decode()) if limit else BLANK,
            BLANK,
            self.tif,
            self.outside_rth,
        )


class Forms:
    """Of one login."""

    def __init__(self) -> None:
        self._forms: dict[tuple[object, ...], Form] = {}

    def read(self, message: bytes, version: int) -> tuple[Form, int, bytes, bytes] | None:
        """An order's form, its id, quantity and limit. None: it is no known form."""
        found = match_usual(message)
        if found is None:
            return None
        order_id, contract, action, quantity, order_type, limit = found.groups()
        form = self._forms.get((message[found.end() :], contract, action, order_type, version))
        return None if form is None else (form, int(order_id), quantity, limit)

    def learn(self, message: bytes, version: int, order: Order, intent: Intent, until_ns: int) -> None:
        """Of an order that was read whole, and has passed. `order`: as the codec has read it."""
        found = match_usual(message)
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
            slip="\0".join((*texts, intent.order_type, "")).encode(),
            until_ns=until_ns,
        )
        if form.intent(quantity, limit) != intent:
            return  # something else is in it than a form has
        key = (message[found.end() :], contract, action, order_type, version)
        self._forms.pop(key, None)
        self._forms[key] = form
        if len(self._forms) > FORMS_MAX:
            del self._forms[next(iter(self._forms))]

    def forget(self) -> None:
        """Accounts or terms may have become others."""
        self._forms.clear()
