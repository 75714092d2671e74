"""What a login's state is called on a screen, and how it is painted; what became of orders that a halt cancels."""

from __future__ import annotations

from collections.abc import Iterable

from engine.core.restrictions import Kind
from engine.journal.events import OrdersSwept

WORDS = {
    None: ("MAY TRADE", "bold green"),
    Kind.SIZE_FACTOR: ("MAY TRADE, SMALLER", "bold yellow"),
    Kind.REDUCE_ONLY: ("REDUCE ONLY", "bold yellow"),
    Kind.HALT: ("HALTED", "bold red"),
    Kind.SHUTDOWN: ("SHUT DOWN", "bold red"),
}

NOBODY = (
    "no connected program has said yet that it cancelled what adds risk; while neither one nor a guard is connected "
    "nobody does: see TWS for what works, or start qe guard run"
)


def swept_lines(answers: Iterable[OrdersSwept]) -> list[tuple[str, bool]]:
    """What programs say of the risk-adding orders that they were to cancel; True: somebody has to do something.

    Each sees the orders of all, at moments of their own: of a program that has answered for itself its own word counts,
    and of all others the last word that knew. A program gives its answer anew when something that it left is gone.
    """
    told: dict[int, OrdersSwept] = {}
    for one in answers:
        told.pop(one.client_id, None)
        told[one.client_id] = one
    if not told:
        return [(NOBODY, True)]
    last = next((one for one in reversed(told.values()) if not one.why), None)

    def counts(one: OrdersSwept, owner: int) -> bool:
        return owner == one.client_id or (one is last and owner not in told)

    lines = [
        (f"client {one.client_id} cancelled {', '.join(one.cancelled)}", False)
        for one in told.values()
        if one.cancelled
    ]
    left = dict.fromkeys(each for one in told.values() for each in one.left if counts(one, each[0]))
    gone = dict.fromkeys(each for one in told.values() for each in one.gone if counts(one, each[0]))
    lines += [(f"STILL WORKING: {order} {_whose(owner)}: cancel it in TWS", True) for owner, order in left]
    lines += [(f"gone since: {order} {_whose(owner)}", False) for owner, order in gone]
    lines += [
        (f"client {one.client_id} does not know what still works: {one.why}", True) for one in told.values() if one.why
    ]
    return lines or [("no order that adds risk was working", False)]


def _whose(client_id: int) -> str:
    return f"of client {client_id}" if client_id else "typed into TWS"
