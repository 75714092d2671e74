"""Cuts a stream into whole messages, length included, without copying what came whole. No I/O.

Must never hand on a part of a message, nor hold more than one that is unfinished.
"""

from __future__ import annotations

from typing import TypeAlias

from engine.wire.errors import FrameTooLarge
from engine.wire.frames import FRAME_LIMIT

PREFIX = 4

Cut: TypeAlias = tuple[bytes, list[int]]
"""Bytes that begin with a message, and where each whole one of them ends."""


def number_of(data: bytes, start: int, stop: int) -> bytes:
    """The number of the message that stands there, as it is spelled; one without fields is all number."""
    begins = start + PREFIX
    ends = data.find(b"\0", begins, stop)
    return data[begins : stop if ends < 0 else ends]


class Cutter:
    """Of one direction of one connection. `fault`: the stream is no protocol from here on; it then returns no more."""

    __slots__ = ("_held", "_needed", "fault")

    def __init__(self) -> None:
        self._held = bytearray()
        self._needed = 0  # so many bytes must be there before it is worth looking again
        self.fault: FrameTooLarge | None = None

    @property
    def holds(self) -> int:
        """Bytes of the unfinished message."""
        return len(self._held)

    def feed(self, data: bytes) -> Cut:
        """Add received bytes; the whole messages that they complete."""
        if self.fault is not None:
            return b"", []
        held = self._held
        if held:
            held += data
            if len(held) < self._needed:
                return b"", []  # a large one trickles in
            data = bytes(held)
        ends: list[int] = []
        start, size = 0, len(data)
        while size - start >= PREFIX:
            length = int.from_bytes(data[start : start + PREFIX], "big")
            if length > FRAME_LIMIT:
                self.fault = FrameTooLarge(length, FRAME_LIMIT)
                self._held = bytearray()
                return data, ends
            stop = start + PREFIX + length
            if stop > size:
                break
            ends.append(stop)
            start = stop
        self._held = bytearray(data[start:])
        rest = size - start
        self._needed = PREFIX if rest < PREFIX else PREFIX + length
        return data, ends
