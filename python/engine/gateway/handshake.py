"""The first words of both ends, as the gateway passes them on: a client's offer, held down to what is read here.

Pure. Must never let a version through that the gateway does not read, and never follow a redirect.
"""

from __future__ import annotations

import re

import msgspec

from engine.wire.codec import VERSION_MAX, VERSION_MIN
from engine.wire.errors import NotTws, Redirected, UnsupportedVersion
from engine.wire.frames import frame

API = b"API\0"
HELLO_LIMIT = 4096
_OFFER = re.compile(rb"v(\d{1,9})(?:\.\.(\d{1,9}))?( [^\0]*)?(\0?)")
_TOO_NEW = (
    "This program speaks version {low} and later of the protocol alone; the gateway of quant-engine reads up to "
    "{most}. Nothing was sent. Use a version of its API library that also speaks {most}"
)


class Offer(msgspec.Struct, frozen=True):
    """What a client offers."""

    low: int
    high: int
    options: bytes = b""
    end: bytes = b""

    @property
    def refusal(self) -> str:
        """Why no common version can be found; empty: one can."""
        if self.low > VERSION_MAX:
            return _TOO_NEW.format(low=self.low, most=VERSION_MAX)
        if self.high < VERSION_MIN or self.low > self.high:
            return f"This program offers version {self.low} to {self.high} of the protocol, which is not read here"
        return ""

    def passed_on(self) -> bytes:
        """The bytes for TWS: the same, with the highest version held down."""
        high = min(self.high, VERSION_MAX)
        versions = f"v{self.low}" if self.low == high else f"v{self.low}..{high}"
        return API + frame(versions.encode() + self.options + self.end)


class FirstWords:
    """Collects what comes before the first message. `API` stands before a client's, nothing before TWS's."""

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix
        self._buffer = b""

    def feed(self, data: bytes) -> tuple[bytes, bytes] | None:
        """The first payload and what came behind it; None: it is not whole. Raises NotTws."""
        self._buffer += data
        buffer, start = self._buffer, len(self._prefix) + 4
        if not buffer.startswith(self._prefix[: len(buffer)]):
            raise NotTws(buffer)
        if len(buffer) < start:
            return None
        size = int.from_bytes(buffer[start - 4 : start], "big")
        if size > HELLO_LIMIT:
            raise NotTws(buffer)
        if len(buffer) < start + size:
            return None
        return buffer[start : start + size], buffer[start + size :]


def read_offer(payload: bytes) -> Offer:
    """Raises NotTws for what no client says."""
    found = _OFFER.fullmatch(payload)
    if found is None:
        raise NotTws(API + payload)
    low = int(found[1])
    return Offer(low, int(found[2] or low), found[3] or b"", found[4])


def read_answer(payload: bytes, offer: Offer) -> int:
    """The version that TWS has chosen. Raises ProtocolError for what must not be passed on."""
    fields = payload.split(b"\0")
    if fields[0] == b"-1":
        raise Redirected(fields[1].decode("latin-1") if len(fields) > 1 else "")
    if len(fields) != 3 or fields[2] or not fields[0].isdigit() or len(fields[0]) > 9:
        raise NotTws(payload)
    version = int(fields[0])
    lowest, highest = max(offer.low, VERSION_MIN), min(offer.high, VERSION_MAX)
    if not lowest <= version <= highest:
        raise UnsupportedVersion(str(version), lowest, highest)
    return version


def own_answer(offer: Offer, time: str) -> tuple[int, bytes]:
    """What is said in TWS's place to a client that is refused, so that it can read why."""
    version = min(max(offer.high, VERSION_MIN), VERSION_MAX)
    return version, frame(f"{version}\0{time}\0".encode())
