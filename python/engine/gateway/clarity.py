"""Is an order that was understood here understood alike by TWS? What two readers may take for two things is refused.

Every client writes yes and no as 1 and 0, and an id as a number of four bytes. Some values decide how many fields
follow: read otherwise by TWS, every field behind them is another one. Pure. Must never settle a doubt.
"""

from __future__ import annotations

from decimal import Decimal

from engine.core.contracts import Contract
from engine.core.kill.commands import CLOSE_REF_PREFIX
from engine.core.preflight.numbers import NUMBER_MAX, NUMBER_MIN
from engine.core.units import Absent
from engine.wire.fields import UNSET_WHOLE
from engine.wire.order import Order
from engine.wire.order_parts import is_combo, is_peg_bench, is_peg_best, is_peg_mid
from engine.wire.requests import PlaceOrder

ID_MAX = 2**31 - 1  # TWS's: beyond, another order may be meant
BINDS_MANUAL_ORDERS = 0  # the client whose orders below 0 are those typed into TWS
WORDS = frozenset({b"true", b"false"})
NO_WHOLE_NUMBER = UNSET_WHOLE.encode()
LONG_WORDS_FOR_NONE = frozenset({
    b"9223372036854775807", b"-9223372036854775808", b"170141183460469231731687303715884105727",
})  # fmt: skip
"""TWS may say these for no number at all. Of a client they are numbers."""
SHAPES = frozenset({"BAG", "PEGBENCH", "PEGBEST", "PEGMID", "IBKRATS"})
"""Of a kind of contract, a kind of order and an exchange: behind these more fields follow."""


def unclear(request: PlaceOrder, client_id: int | None) -> str:
    """What TWS may read otherwise; empty: nothing."""
    if not -ID_MAX <= request.order_id <= ID_MAX:
        return f"its id is beyond {ID_MAX}"
    if request.order_id <= 0 and (client_id != BINDS_MANUAL_ORDERS or request.order_id == 0):
        return "its id is not above 0"
    if request.order.order_ref.startswith(CLOSE_REF_PREFIX):
        return f"its reference begins as that of the kill's own orders ({CLOSE_REF_PREFIX})"
    parent_id = request.order.parent_id
    parent_id = parent_id if isinstance(parent_id, int) else 0
    if not 0 <= parent_id <= ID_MAX:
        return f"the id of its parent is not between 0 and {ID_MAX}"
    if request.order.transmit is Absent.UNSET:
        return "whether TWS is to transmit it is neither 0 nor 1"
    if parent_id and request.order.transmit is Absent.BLANK:
        return "whether TWS is to transmit it, and its parent with it, is not said"
    if request.order.what_if is True and request.order.transmit is not True:
        return "it is a preview, and TWS is asked to hold it"
    return _shapeless(request.contract, request.order) or _misspelt(request)


def _shapeless(contract: Contract, order: Order) -> str:
    """What of it decides how many fields follow, and might be taken for something else."""
    if any(abs(one) > ID_MAX for one in (contract.con_id, *(leg.con_id for leg in contract.combo_legs))):
        return f"the id of its contract is beyond {ID_MAX}"
    kind, exchange = order.order_type, contract.exchange
    understood = is_combo(contract.sec_type), is_peg_bench(kind) or is_peg_best(kind) or is_peg_mid(kind)
    for text, known in zip((contract.sec_type, kind, exchange), (*understood, exchange == "IBKRATS"), strict=True):
        if not known and "".join(text.upper().split()) in SHAPES:
            return f"{text!r} may be read as another word"
    if order.algo_strategy and not order.algo_strategy.strip():
        return "the name of its algorithm is a blank"
    step = order.scale_price_increment
    if isinstance(step, Decimal) and step and not NUMBER_MIN <= abs(step) <= NUMBER_MAX:
        return f"the step of its scale is not between {NUMBER_MIN:f} and {NUMBER_MAX}"
    offset = order.compete_against_best_offset
    if isinstance(offset, Decimal) and offset.is_finite() and abs(offset) > NUMBER_MAX:
        return f"the offset that it competes by is beyond {NUMBER_MAX}"
    return ""


def _misspelt(request: PlaceOrder) -> str:
    """What is spelled otherwise than it would be here, and might mean something else."""
    spelling = request.spelling
    if spelling is None:
        return ""
    for ours, theirs in zip(spelling.canonical.split(b"\0"), spelling.original.split(b"\0"), strict=True):
        if ours == theirs:
            continue
        if theirs in WORDS:
            return f"{theirs.decode()} is neither 0 nor 1"
        if theirs == NO_WHOLE_NUMBER:  # it means none where a whole number stands, and nowhere else
            return f"{UNSET_WHOLE} stands where any number may"
        if theirs in LONG_WORDS_FOR_NONE:
            return f"{theirs.decode()} is a number, or none"
    return ""
