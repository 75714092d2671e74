"""Known since a moment, or unknown for a reason: there is no third way to hold a fact.

Unknown is not empty and not zero: while nothing has been read, after a failed read and after a disconnect there is no
value at all, and whoever wants one has to ask which of the two it is.
"""

from __future__ import annotations

from typing import Generic, TypeAlias, TypeVar

import msgspec

T = TypeVar("T")


class Known(msgspec.Struct, Generic[T], frozen=True):
    """The value as the broker reported it at `at_ns` (Unix time)."""

    value: T
    at_ns: int


class Unknown(msgspec.Struct, frozen=True):
    """There is no value, and why."""

    why: str


Fact: TypeAlias = Known[T] | Unknown
