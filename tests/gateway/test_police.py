"""What can change something is told apart from what cannot, by its number in its plain spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.gateway.police import KINDS, Kind, kind_of, may_change_orders
from engine.wire import codec

HARMFUL = {3, 4, 15, 19, 21, 58, 65, 66, 71, 72, 73}


def test_no_message_that_can_change_orders_is_a_read() -> None:
    reads = {int(number) for number, kind in KINDS.items() if kind is Kind.READ}
    assert not reads & HARMFUL
    assert max(reads) <= 104  # what later versions added is not known here


def test_every_request_of_our_own_codec_has_its_kind() -> None:
    numbers = {str(one.message_id).encode() for subject in codec.SUBJECTS for one in subject.REQUESTS}
    assert numbers <= KINDS.keys()


@given(st.binary(max_size=12))
def test_what_is_not_a_number_as_it_is_written_is_unknown(head: bytes) -> None:
    kind = kind_of(head + b"\x001\0")
    number = head.partition(b"\0")[0]
    assert (kind is Kind.UNKNOWN) == (number not in KINDS)


@pytest.mark.parametrize("number", [b"03", b"+3", b" 3", b"3 ", b"3.0", b"", b"203", b"204", b"109", b"999", b"0"])
def test_other_spellings_of_an_order_are_no_read(number: bytes) -> None:
    assert kind_of(number + b"\x008\0") is Kind.UNKNOWN


def test_open_orders_of_client_0_bind_manual_orders() -> None:
    assert may_change_orders(b"5\x001\0", 0)
    assert not may_change_orders(b"5\x001\0", 1)
    assert not may_change_orders(b"16\x001\0", 0)
