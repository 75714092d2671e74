"""What the parts of one client share: how far it has come, and its two ends. Types only."""

from __future__ import annotations

from enum import Enum
from typing import Protocol


class Phase(Enum):
    """How far the two ends have come."""

    GREETING = "greeting"  # the client has not said what it speaks
    CALLING = "calling"  # TWS is being connected, and has not answered
    OPEN = "open"
    REFUSING = "refusing"  # the client is told why not
    CLOSED = "closed"


class Ends(Protocol):
    """A client's connection, and its own connection to TWS. Messages are whole ones, length included."""

    phase: Phase
    version: int
    client_id: int | None  # once it has named itself
    ready: bool  # TWS has let it in
    peer: str

    def pass_on(self, messages: bytes) -> bool:
        """Hand them to TWS. False: that end is gone."""

    def pass_now(self, message: bytes) -> bool:
        """Hand it to TWS, unless it would have to wait in a buffer. False: nothing was handed over."""

    def answer(self, messages: bytes) -> None:
        """Tell the client."""

    def close(self, why: str) -> None:
        """End both."""

    @property
    def backlog(self) -> int:
        """Bytes that TWS does not take."""
