"""A list in a sentence that a person can read on a phone: the first few, and how many more there are. Pure.

For reasons, alerts and lines of a status. What is kept in records and logs has all of it.
"""

from __future__ import annotations

from collections.abc import Sequence

AT_MOST = 3


def shortly(things: Sequence[str], *, between: str = "; ", at_most: int = AT_MOST) -> str:
    """One more than `at_most` is named too: "and 1 more" would be no shorter."""
    if len(things) <= at_most + 1:
        return between.join(things)
    return f"{between.join(things[:at_most])}{between}and {len(things) - at_most} more"
