"""What a program may have passed by mistake, where a method of the public API has to say so in words, or bear it.

What stops (a halt, a kill) bears everything: a reason that is none, or that no file can hold, is written as it can be.
What may add risk refuses. Pure.
"""

from __future__ import annotations

from engine.core.contracts import Contract
from engine.wire.order import Order

_CONTRACT_TEXTS = (
    "symbol",
    "sec_type",
    "last_trade_date",
    "right",
    "multiplier",
    "exchange",
    "primary_exchange",
    "currency",
    "local_symbol",
    "trading_class",
)


def words(reason: object) -> str:
    """A reason as text that can be kept. Bytes of a shell that are no text (half a letter, say) arrive as what no file
    takes; they become question marks.
    """
    return "" if reason is None else str(reason).encode("utf-8", "replace").decode("utf-8")


def wrong_kind(contract: object, order: object) -> str:
    """What is no order, or no contract, or of the wrong kind in one, so that it cannot even be judged. Empty: nothing.
    Numbers of the order are looked at where it is judged.
    """
    if not isinstance(contract, Contract):
        return f"the contract is {contract!r}: give a Contract"
    if not isinstance(order, Order):
        return f"the order is {order!r}: give an Order"
    if type(contract.con_id) is not int:
        return f"the contract's con_id is {contract.con_id!r}: give a whole number, or leave it out"
    for name in _CONTRACT_TEXTS:
        if not isinstance(getattr(contract, name), str):
            return f"the contract's {name} is {getattr(contract, name)!r}: give a text, or leave it out"
    kind: object = order.order_type
    if not isinstance(kind, str):
        return f"its order_type is {kind!r}: give a text, such as LMT"
    return ""
