"""What will happen at known times, in one order for every run: by time, then by kind, then by id."""

from __future__ import annotations

from enum import IntEnum
from heapq import heappop, heappush
from typing import TypeAlias


class Due(IntEnum):
    """What happens; of things due at the same instant the smaller comes first."""

    ACKNOWLEDGE = 0
    CHANGE = 1  # a modification takes effect
    CANCEL = 2  # a cancel takes effect
    EXPIRE_ORDER = 3
    EXERCISE = 4  # what clients asked for is done at the end of the option's session
    EXPIRE_CONTRACT = 5
    LOOK = 6  # an order is looked at: the price, the session or the liquidity may let it fill


Item: TypeAlias = tuple[int, int, int]  # when, what, and the order's permanent id or the contract id


class Agenda:
    """A queue of items. Each order has at most a handful, each contract one."""

    def __init__(self) -> None:
        self._heap: list[Item] = []

    def add(self, at_ns: int, due: Due, key: int) -> None:
        heappush(self._heap, (at_ns, due, key))

    def first(self) -> Item | None:
        return self._heap[0] if self._heap else None

    def pop(self) -> Item:
        return heappop(self._heap)
