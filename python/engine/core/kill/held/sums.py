"""What any choice among signed quantities comes to. Pure.

Where a feed may show each of some trades or not, these are the positions that it may show.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

ZERO = Decimal(0)
SUMS_MAX = 2_000


def hull(parts: Iterable[Decimal]) -> tuple[Decimal, Decimal]:
    """What any choice among `parts`, of none and all of them too, comes to at least and at most."""
    listed = tuple(parts)
    return sum((min(part, ZERO) for part in listed), ZERO), sum((max(part, ZERO) for part in listed), ZERO)


def nearest_to_zero(views: list[Decimal]) -> Decimal:
    """What is there in every view; zero where they do not agree on the side."""
    return max(min(views), ZERO) + min(max(views), ZERO)


def sums_of_any(pieces: Iterable[Decimal]) -> set[Decimal] | None:
    """What any of `pieces` come to together; None where that is too much to look at."""
    sums: set[Decimal] = set()
    for piece in pieces:
        sums |= {piece, *(piece + other for other in sums)}
        if len(sums) > SUMS_MAX:
            return None
    return sums


def sums_of_some(pieces: list[Decimal]) -> set[Decimal] | None:
    """What any of `pieces` come to, but not all of them; zero for none. None where that is too much to look at."""
    sums = {ZERO}
    for one in set(pieces):
        rest = [*pieces]
        rest.remove(one)
        some = sums_of_any(rest)
        if some is None:
            return None
        sums |= some
    return sums
