"""Frames come out as they went in, however the stream is cut; a hostile length is refused before it costs memory."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.wire.errors import FrameTooLarge, InvalidValue
from engine.wire.frames import FRAME_LIMIT, FrameReader, frame


@given(payloads=st.lists(st.binary(max_size=40), max_size=8), cuts=st.lists(st.integers(0, 400), max_size=12))
def test_payloads_survive_any_cutting_of_the_stream(payloads: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(frame(payload) for payload in payloads)
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    reader = FrameReader()
    received = [p for start, end in pairwise(places) for p in reader.feed(stream[start:end])]
    assert received == payloads
    assert reader.pending == b""


def test_a_frame_is_as_long_as_the_official_clients_accept_and_no_longer() -> None:
    assert frame(bytes(16_777_215))[:5] == b"\x00\xff\xff\xff\x00"
    with pytest.raises(InvalidValue, match="16777216 bytes do not fit a frame of at most 16777215"):
        frame(bytes(16_777_216))


def test_every_single_byte_may_arrive_alone() -> None:
    reader = FrameReader()
    stream = frame(b"15\x001\x00DU1\x00") + frame(b"") + frame(b"9\x001\x007\x00")
    received = [payload for byte in stream for payload in reader.feed(bytes([byte]))]
    assert received == [b"15\x001\x00DU1\x00", b"", b"9\x001\x007\x00"]


def test_a_length_above_the_limit_is_refused_before_any_of_it_is_kept() -> None:
    reader = FrameReader(limit=10)
    with pytest.raises(FrameTooLarge, match="check that the port"):
        reader.feed((11).to_bytes(4, "big") + b"x" * 11)
    assert len(reader.pending) == 4


def test_a_refused_stream_stays_refused() -> None:
    reader = FrameReader(limit=10)
    for _ in range(2):
        with pytest.raises(FrameTooLarge):
            reader.feed(b"\xff\xff\xff\xff")


def test_whole_frames_before_a_refused_one_are_not_lost() -> None:
    with pytest.raises(FrameTooLarge) as caught:
        FrameReader(limit=10).feed(frame(b"one") + frame(b"two") + b"\x7f\xff\xff\xff")
    assert caught.value.events == (b"one", b"two")


def test_a_length_split_over_two_reads_is_still_checked() -> None:
    reader = FrameReader(limit=10)
    assert reader.feed(b"\x7f\xff") == []
    with pytest.raises(FrameTooLarge):
        reader.feed(b"\xff\xff")


def test_the_largest_frame_passes_and_one_byte_more_cannot_be_built() -> None:
    assert FrameReader().feed(frame(bytes(FRAME_LIMIT))) == [bytes(FRAME_LIMIT)]
    with pytest.raises(InvalidValue):
        frame(bytes(FRAME_LIMIT + 1))


def test_an_unfinished_frame_never_holds_more_than_itself() -> None:
    reader = FrameReader()
    stream = frame(b"x" * 1000)
    reader.feed(frame(b"y" * 5000) + stream[:500])
    assert reader.pending == stream[:500]


def test_of_an_unfinished_frame_it_is_known_how_much_is_there_and_of_how_much() -> None:
    reader = FrameReader()
    stream = frame(b"x" * 76)
    told = []
    for byte in stream:
        reader.feed(bytes([byte]))
        told.append(reader.unfinished)
    assert told[:5] == [(1, None), (2, None), (3, None), (4, 80), (5, 80)]
    assert told[-2:] == [(79, 80), (0, None)]
