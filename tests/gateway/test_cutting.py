"""A stream falls into the same whole messages, however it arrives."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from engine.gateway.cutting import Cutter, number_of
from engine.wire.frames import FRAME_LIMIT, frame

PAYLOADS = st.lists(st.binary(max_size=40), max_size=8)


def fed(cutter: Cutter, chunks: list[bytes]) -> list[bytes]:
    """Each whole message, and nothing but whole messages."""
    found = []
    for chunk in chunks:
        data, ends = cutter.feed(chunk)
        start = 0
        for stop in ends:
            found.append(data[start:stop])
            start = stop
    return found


def chopped(stream: bytes, places: list[int]) -> list[bytes]:
    cuts = sorted({place % (len(stream) + 1) for place in places} | {0, len(stream)})
    return [stream[one:other] for one, other in pairwise(cuts)]


@given(PAYLOADS, st.lists(st.integers(0, 400), max_size=12), st.binary(max_size=3))
def test_the_same_messages_come_out_however_the_stream_is_chopped(
    payloads: list[bytes], places: list[int], begun: bytes
) -> None:
    messages = [frame(payload) for payload in payloads]
    unfinished = b"\0\0\0\x09" + begun
    cutter = Cutter()
    assert fed(cutter, chopped(b"".join(messages) + unfinished, places)) == messages
    assert cutter.holds == len(unfinished) and cutter.fault is None


@given(PAYLOADS, st.integers(FRAME_LIMIT + 1, 2**32 - 1))
def test_what_came_whole_before_a_length_that_cannot_be_comes_out_and_nothing_behind_it(
    payloads: list[bytes], length: int
) -> None:
    messages = [frame(payload) for payload in payloads]
    cutter = Cutter()
    assert fed(cutter, [b"".join(messages) + length.to_bytes(4, "big")]) == messages
    assert cutter.fault is not None and cutter.holds == 0
    assert fed(cutter, [frame(b"1\0"), b"\0" * 100]) == [] and cutter.holds == 0


def test_a_large_message_that_trickles_in_is_not_looked_at_again_and_again() -> None:
    cutter = Cutter()
    assert cutter.feed(b"\x00\x0f\x42\x40" + b"x" * 10)[1] == []
    for _ in range(999):
        assert cutter.feed(b"x" * 1000) == (b"", [])  # not even copied
    assert cutter.feed(b"x" * 990)[1] == [1_000_004]


@given(st.binary(max_size=12))
def test_a_number_reaches_to_the_first_end_of_a_field_and_never_beyond_its_message(payload: bytes) -> None:
    stream = frame(b"5\0") + frame(payload) + frame(b"\0")
    assert number_of(stream, 6, 10 + len(payload)) == payload.partition(b"\0")[0]
