"""Is an order that was understood here understood alike by TWS? What two readers may take for two things is refused.

Every client writes yes and no as 1 and 0, and an id as a number of four bytes. Pure. Must never settle a doubt.
"""

from __future__ import annotations

from engine.core.units import Absent
from engine.wire.fields import UNSET_WHOLE
from engine.wire.requests import PlaceOrder

ID_MAX = 2**31 - 1  # TWS's: beyond, another order may be meant
BINDS_MANUAL_ORDERS = 0  # the client whose orders below 0 are those typed into TWS
WORDS = frozenset({b"true", b"false"})
NO_WHOLE_NUMBER = UNSET_WHOLE.encode()


def unclear(request: PlaceOrder, client_id: int | None) -> str:
    """What TWS may read otherwise; empty: nothing."""
    if not -ID_MAX <= request.order_id <= ID_MAX:
        return f"its id is beyond {ID_MAX}"
    if request.order_id <= 0 and (client_id != BINDS_MANUAL_ORDERS or request.order_id == 0):
        return "its id is not above 0"
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
    return ""
