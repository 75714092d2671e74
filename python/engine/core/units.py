"""Numbers as the broker sends them, with absence kept apart from zero.

TWS has two ways to say "no number": an empty field, and a sentinel (2147483647, 9223372036854775807, 2**127 - 1,
1.7976931348623157E308). They differ from each other and from zero, and none of the three may pass for another:
arithmetic on an `Absent` raises instead of answering.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import TypeAlias


class Absent(Enum):
    """A field that carries no number."""

    BLANK = "blank"  # the field is empty
    UNSET = "unset"  # the field holds IBKR's "not a number" sentinel


BLANK = Absent.BLANK
UNSET = Absent.UNSET

Number: TypeAlias = Decimal | Absent
Whole: TypeAlias = int | Absent
Flag: TypeAlias = bool | Absent

ZERO = Decimal(0)


def known(value: Decimal | Absent | None) -> Decimal | None:
    """Return the finite number, or None when there is none. Zero is a number."""
    if isinstance(value, Decimal) and value.is_finite():
        return value
    return None
