"""What passed between a simulated TWS and its clients, in order: for tests, the drill's timeline and the live view.

Bounded: the oldest entries go first. Nothing is decided from here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from enum import StrEnum

import msgspec

from engine.wire.replies import Reply
from engine.wire.requests import CancelOrder, PlaceOrder, Request

ENTRIES_MAX = 200_000


class Kind(StrEnum):
    CONNECTED = "connected"
    REQUEST = "request"  # from a client, whatever became of it
    REPLY = "reply"  # handed to the socket
    MALFORMED = "malformed"
    FILL = "fill"  # at the exchange, whether or not anybody is told
    FAULT = "fault"  # a fault did something
    LOST = "lost"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened. `connection` counts from 1 per login; 0 is the login itself."""

    at_ns: int
    login: str
    connection: int
    client_id: int | None
    kind: Kind
    message: Request | Reply | None = None
    text: str = ""

    def line(self) -> str:
        """One line for people."""
        who = f"#{self.connection}" if self.connection else ""
        if self.client_id is not None:
            who += f" client {self.client_id}"
        what = _words(self.message) if self.message is not None else ""
        return " ".join(part for part in (self.login, who, self.kind.value, what, self.text) if part)


def _words(message: Request | Reply) -> str:
    """The message's name, and what it is about if that is an order."""
    name = type(message).__name__
    if isinstance(message, CancelOrder):
        return f"{name} {message.order_id}"
    if isinstance(message, PlaceOrder):
        order, contract = message.order, message.contract
        price = f" {order.lmt_price}" if isinstance(order.lmt_price, Decimal) and order.lmt_price else ""
        what = contract.local_symbol or contract.symbol or contract.con_id
        return f"{name} {message.order_id}: {order.action} {order.total_quantity} {what} {order.order_type}{price}"
    return name


class MessageLog:
    """All entries of a world, and those who want to see them as they come."""

    def __init__(self, entries_max: int = ENTRIES_MAX) -> None:
        self._entries: deque[Entry] = deque(maxlen=entries_max)
        self._watchers: list[Callable[[Entry], None]] = []

    def keep(self, entries_max: int) -> None:
        """Remember no more than so many from now on: enough to look at, for a world that runs all day."""
        self._entries = deque(self._entries, maxlen=entries_max)

    def add(self, entry: Entry) -> None:
        self._entries.append(entry)
        for watcher in self._watchers:
            watcher(entry)

    def watch(self, watcher: Callable[[Entry], None]) -> Callable[[], None]:
        """Call `watcher` with every later entry; returns what ends that."""
        self._watchers.append(watcher)
        return lambda: self._watchers.remove(watcher)

    def __iter__(self) -> Iterator[Entry]:
        return iter(tuple(self._entries))

    def __len__(self) -> int:
        return len(self._entries)

    def requests(self, *types: type[Request], login: str = "") -> list[Entry]:
        """The requests received, of these types if any are named."""
        return [
            entry
            for entry in self._entries
            if entry.kind is Kind.REQUEST
            and (not login or entry.login == login)
            and (not types or isinstance(entry.message, types))
        ]

    def replies(self, *types: type[Reply], login: str = "") -> list[Entry]:
        """The replies sent, of these types if any are named."""
        return [
            entry
            for entry in self._entries
            if entry.kind is Kind.REPLY
            and (not login or entry.login == login)
            and (not types or isinstance(entry.message, types))
        ]
