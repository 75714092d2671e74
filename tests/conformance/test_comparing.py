"""The comparison itself: what it must not let pass, or the other tests prove nothing."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from conformance.comparing import difference, misheard
from conformance.hearing import callbacks
from conformance.inprocess import IbAsyncListener, NautilusListener
from conformance.names import IB_ASYNC, NAUTILUS
from conformance.reply_samples import KINDS, reply
from conformance.samples import Dice, fields_of
from engine.core.contracts import Contract
from engine.core.units import BLANK
from engine.wire.codec import encode_reply
from engine.wire.order import Order
from engine.wire.replies import OpenOrder, Position

HELD = Position("DU1", Contract(con_id=7, symbol="ES"), Decimal(3), Decimal("250612.5"))


def test_a_swapped_pair_of_values_is_reported() -> None:
    swapped = msgspec.structs.replace(HELD, position=HELD.avg_cost, avg_cost=HELD.position)
    heard = IbAsyncListener(178).hear(encode_reply(swapped, 178))
    assert len(misheard(callbacks(HELD, IB_ASYNC, 178), heard, IB_ASYNC)) == 2


def test_a_message_that_never_arrives_is_reported() -> None:
    assert misheard(callbacks(HELD, IB_ASYNC, 178), [], IB_ASYNC)


def test_a_zero_for_a_blank_is_reported_where_the_client_can_tell() -> None:
    blank = OpenOrder(1, Contract(), Order(lmt_price=BLANK), reply(Dice(1), OpenOrder, 178).state)
    zero = msgspec.structs.replace(blank, order=msgspec.structs.replace(blank.order, lmt_price=Decimal(0)))
    heard = NautilusListener(178).hear(encode_reply(zero, 178))
    (wrong,) = misheard(callbacks(blank, NAUTILUS, 178), heard, NAUTILUS)
    assert "Order.lmt_price" in wrong


@pytest.mark.parametrize("kind", [kind for kind in KINDS if fields_of(kind)], ids=lambda kind: kind.__name__)
def test_another_sample_of_the_same_kind_is_never_taken_for_this_one(kind: type) -> None:
    one, other = (reply(Dice(seed, blank_pct=0), kind, 178) for seed in (1, 2))
    if one != other:
        heard = NautilusListener(178).hear(encode_reply(other, 178))
        assert misheard(callbacks(one, NAUTILUS, 178), heard, NAUTILUS)


def test_a_difference_names_the_field() -> None:
    assert difference(b"4\x001\x007\0", b"4\x001\x008\0").splitlines()[0] == "field 2: ours b'7', theirs b'8'"
    assert difference(b"4\0", b"4\0") == ""
