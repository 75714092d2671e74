"""Why a login may do less than it could, and what all of that comes to. Pure.

A restriction is one durable reason. The effective state is the fold of all that stand: the most restrictive kind, and
the product of the size factors. A restriction ends by its own time or by being lifted, never by another one.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_FLOOR, Decimal
from enum import Enum

import msgspec

ONE = Decimal(1)
UNREADABLE = "journal-unreadable"  # the ids of the halts by which the records say that they cannot be used
UNWRITABLE = "journal-unwritable"


class Kind(Enum):
    """From the mildest to the severest; `severity` is the order."""

    SIZE_FACTOR = "size_factor"  # every size limit is multiplied
    REDUCE_ONLY = "reduce_only"  # only orders that cannot add risk
    HALT = "halt"  # the same, and a reason is needed to go on
    SHUTDOWN = "shutdown"  # nothing but cancels, until verified, understood, reset and armed

    @property
    def severity(self) -> int:
        return _SEVERITY[self]


_SEVERITY = {kind: number for number, kind in enumerate(Kind, start=1)}


class Cause(Enum):
    """What brought a restriction about."""

    MANUAL = "manual"
    DAILY_LOSS = "daily_loss"
    WEEKLY_LOSS = "weekly_loss"
    MONTHLY_LOSS = "monthly_loss"
    CIRCUIT_BREAKER = "circuit_breaker"
    KILL_SWITCH = "kill_switch"
    RECONCILIATION = "reconciliation"  # our records and the broker's differ, unexplained
    BLIND = "blind"  # equity or positions unknown or stale; lifts by itself when the facts are back
    DEAD_MAN = "dead_man"
    ORDER_RATE = "order_rate"  # too many orders too often; latches
    RESET = "reset"  # after a shutdown: reset permits arming and does not arm
    JOURNAL = "journal"  # what must be written down cannot be
    CONFIGURATION = "configuration"  # the limits cannot be read; never written down, it ends with the program


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which login is meant. The same TWS may go by other names in other programs: any one match is enough.

    `place` is the broker's own key for host and port; empty and () where it is not known.
    """

    login: str
    place: str = ""
    accounts: tuple[str, ...] = ()

    def meets(self, other: Scope) -> bool:
        """The two are, or share, a login."""
        return (
            self.login == other.login
            or (self.place != "" and self.place == other.place)
            or not set(self.accounts).isdisjoint(other.accounts)
        )


class Restriction(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One reason. `until_ns` None: until somebody lifts it. Times are Unix nanoseconds. `cancel`: every program cancels
    those of its own working orders that add risk.
    """

    id: str
    scope: Scope
    kind: Kind
    cause: Cause
    since_ns: int
    until_ns: int | None = None
    actor: str
    reason: str
    size_factor: Decimal = ONE
    cancel: bool = False

    def stands(self, now_ns: int) -> bool:
        """It holds at this moment. One that is dated in the future holds already: clocks differ, halts must not."""
        return self.until_ns is None or now_ns < self.until_ns

    @property
    def ends_by_itself(self) -> bool:
        """Nobody has stopped the login: its losses cannot be seen, or nothing can be written down or read, and as soon
        as that is over so is this. The alarm for a stop that could not be written down is none of these.
        """
        return self.cause is Cause.BLIND or self.id in (UNREADABLE, UNWRITABLE)


class Override(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person has set aside what a loss limit had imposed: who, when, and why."""

    restriction: Restriction
    at_ns: int
    actor: str
    reason: str


class State(msgspec.Struct, frozen=True):
    """What a login may do. `kind` None: everything within its limits. `standing`: why, the severest first."""

    kind: Kind | None
    size_factor: Decimal
    standing: tuple[Restriction, ...]

    @property
    def may_add_risk(self) -> bool:
        return self.kind is None or self.kind is Kind.SIZE_FACTOR

    @property
    def may_reduce(self) -> bool:
        return self.kind is not Kind.SHUTDOWN

    @property
    def stopped_by_nobody(self) -> bool:
        """Nothing but what ends by itself keeps it from adding risk."""
        return not self.may_add_risk and all(
            one.ends_by_itself for one in self.standing if one.kind is not Kind.SIZE_FACTOR
        )

    @property
    def records_read(self) -> bool:
        """The records could be read: who stands nowhere here has stopped nothing."""
        return all(one.id != UNREADABLE for one in self.standing)

    def scaled(self, limit: Decimal) -> Decimal:
        """A size limit under the factors, in whole units: half of one is none."""
        return (limit * self.size_factor).to_integral_value(ROUND_FLOOR)


UNRESTRICTED = State(None, ONE, ())


def effective(restrictions: Iterable[Restriction], scope: Scope, now_ns: int) -> State:
    """Fold all restrictions that stand for a login at this moment."""
    standing = [one for one in restrictions if one.stands(now_ns) and one.scope.meets(scope)]
    if not standing:
        return UNRESTRICTED
    standing.sort(key=lambda one: (-one.kind.severity, one.since_ns, one.id))
    factor = ONE
    for one in standing:
        factor *= one.size_factor
    return State(standing[0].kind, factor, tuple(standing))
