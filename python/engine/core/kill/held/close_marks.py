"""How closing orders are marked, so that whoever sees one, or what it traded, knows whose it is. Pure.

`QEKILL-<kill>-<number>of<quantity>` is the `orderRef` of each: the kill's id, which of its orders it is, and how much
of the position the kill held to be there when it sent it. An order may be for less: for a size that TWS takes. The
broker gives the mark back with every execution, also when nobody can ask the kill any more.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from engine.core.kill.commands import CLOSE_REF_PREFIX

_HELD = r"of(?P<held>\d{1,20}(?:\.\d{1,20})?)"
_MARK = re.compile(rf"{CLOSE_REF_PREFIX}-(?P<kill>.+)-(?P<number>\d{{1,9}})(?:{_HELD})?", re.ASCII)


class CloseMark(NamedTuple):
    """What a mark says."""

    kill_id: str
    number: int  # of this kill's orders
    held: Decimal | None  # what was there when the order was sent, never negative; None: an older program's mark


def close_mark(kill_id: str, number: int, held: Decimal) -> str:
    """Write one."""
    return f"{CLOSE_REF_PREFIX}-{kill_id}-{number}of{held:f}"


def read_close_mark(order_ref: str) -> CloseMark | None:
    """Read one; None of an order that is no kill's, or is marked as no kill marks."""
    found = _MARK.fullmatch(order_ref)
    if found is None:
        return None
    held = found["held"]
    return CloseMark(found["kill"], int(found["number"]), None if held is None else Decimal(held))


def by_a_kill(order_ref: str) -> bool:
    """Is this the mark of a closing order?"""
    return order_ref.startswith(CLOSE_REF_PREFIX)
