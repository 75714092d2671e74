"""What can change something is told apart from what cannot, by its number in its plain spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.gateway.cutting import number_of
from engine.gateway.police import KINDS, Kind, binds_manual_orders
from engine.wire import codec
from engine.wire.frames import frame


def kind_of(payload: bytes) -> Kind:
    """As it comes, with another message behind it."""
    message = frame(payload)
    return KINDS.get(number_of(message + frame(b"1\0"), 0, len(message)), Kind.UNKNOWN)


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


@pytest.mark.parametrize("payload", [b"1?", b"1\x01", b"49x"])
def test_a_number_that_does_not_end_is_not_cut_to_one_that_is_known(payload: bytes) -> None:
    assert kind_of(payload) is Kind.UNKNOWN


def test_open_orders_of_client_0_bind_manual_orders() -> None:
    assert binds_manual_orders(b"5", 0)
    assert not binds_manual_orders(b"5", 1)
    assert not binds_manual_orders(b"16", 0)
