"""Frames: a big-endian u32 length, then that many bytes. Splits a stream into payloads and nothing more.

Must never buffer a frame it will refuse, and never copy what it has already handed out.
"""

from __future__ import annotations

from engine.wire.errors import FrameTooLarge, InvalidValue

FRAME_LIMIT = 0xFFFFFF  # what the official clients accept; a larger length means the stream is not TWS

_PREFIX = 4


def frame(payload: bytes) -> bytes:
    """Put the length in front of a payload."""
    size = len(payload)
    if size > FRAME_LIMIT:
        raise InvalidValue("payload", f"{size} bytes do not fit a frame of at most {FRAME_LIMIT}")
    return size.to_bytes(_PREFIX, "big") + payload


class FrameReader:
    """Collects bytes as they arrive and returns whole payloads. Holds at most one unfinished frame."""

    __slots__ = ("_buffer", "_limit")

    def __init__(self, limit: int = FRAME_LIMIT) -> None:
        self._limit = limit
        self._buffer = bytearray()

    @property
    def pending(self) -> bytes:
        """The bytes of the unfinished frame, its length included."""
        return bytes(self._buffer)

    @property
    def unfinished(self) -> tuple[int, int | None]:
        """How much of the unfinished frame is there, and how long it is: its length counts, and may be unknown yet."""
        held = len(self._buffer)
        return held, None if held < _PREFIX else _PREFIX + int.from_bytes(self._buffer[:_PREFIX], "big")

    def feed(self, data: bytes) -> list[bytes]:
        """Add received bytes and return the payloads completed by them.

        A frame above the limit raises FrameTooLarge, with the payloads that arrived whole before it in `events`.
        """
        buffer = self._buffer
        if buffer:
            buffer += data
            if len(buffer) < _PREFIX + int.from_bytes(buffer[:_PREFIX], "big") <= _PREFIX + self._limit:
                return []  # a large frame trickles in: nothing to scan, nothing to copy
            data = bytes(buffer)
        payloads: list[bytes] = []
        consumed = self._split(data, payloads)
        self._buffer = bytearray(data[consumed:])
        return payloads

    def _split(self, data: bytes, payloads: list[bytes]) -> int:
        start, end, limit = 0, len(data), self._limit
        while end - start >= _PREFIX:
            size = int.from_bytes(data[start : start + _PREFIX], "big")
            if size > limit:
                self._buffer = bytearray(data[start : start + _PREFIX])  # every later feed raises again
                error = FrameTooLarge(size, limit)
                error.events = tuple(payloads)
                raise error
            stop = start + _PREFIX + size
            if stop > end:
                break
            payloads.append(data[start + _PREFIX : stop])
            start = stop
        return start
