"""What a client's message can do, by its number. Pure.

Whatever cannot change anything passes as it came; whatever is not in the table is refused, for it may be an order in
the words of a later version. Must never guess a number: only its plain spelling counts.
"""

from __future__ import annotations

from enum import Enum


class Kind(Enum):
    """What is to be done with a message. One that is not in `KINDS` is UNKNOWN."""

    READ = "read"  # changes nothing: passes as it came, and in its turn
    ORDER = "order"  # a new order, or a modify: is judged
    CANCEL = "cancel"  # passes at once, ahead of everything
    CANCEL_ALL = "cancel_all"
    START = "start"  # startApi
    BIND = "bind"  # TWS cancels manual orders and sends them again under this client
    EXERCISE = "exercise"
    REFUSED = "refused"  # known, and not to be done through here
    UNKNOWN = "unknown"


ORDER = b"3"
REQ_OPEN_ORDERS = b"5"  # of client 0 it binds manual orders, too

_READS = (
    *range(1, 3),  # market data
    *range(5, 15),  # open orders, account, executions, ids, contracts, depth, bulletins, log level
    16,  # all open orders
    17,  # accounts
    18,  # an adviser's groups
    20,  # history
    *range(22, 26),  # scanner, history
    *range(49, 58),  # time, real-time bars, fundamentals, option computations
    59,  # kind of market data
    *range(61, 65),  # positions, account summary
    *range(67, 71),  # display groups
    *range(74, 105),  # what came later: positions to user info, none of which changes anything
)
_OTHERS = {
    3: Kind.ORDER,
    4: Kind.CANCEL,
    15: Kind.BIND,
    19: Kind.REFUSED,  # replaceFA: where working orders of a group go
    21: Kind.EXERCISE,
    58: Kind.CANCEL_ALL,
    65: Kind.REFUSED,  # verification of third-party programs, which may unlock more
    66: Kind.REFUSED,
    71: Kind.START,
    72: Kind.REFUSED,
    73: Kind.REFUSED,
}
KINDS: dict[bytes, Kind] = {
    **{str(number).encode(): Kind.READ for number in _READS},
    **{str(number).encode(): kind for number, kind in _OTHERS.items()},
}


READS = frozenset(number for number, kind in KINDS.items() if kind is Kind.READ)

READS_OF_CLIENT_0 = READS - {REQ_OPEN_ORDERS}


def binds_manual_orders(number: bytes, client_id: int | None) -> bool:
    """A read that is none, depending on who asks."""
    return client_id == 0 and number == REQ_OPEN_ORDERS
