"""What whoever watches a login's losses has to decide beside the judgement itself. Pure: no clock, socket or log.

Are the positions known well enough, who may call a login blind again after another program has said that it sees, and
which restrictions ask for orders to be cancelled that has not been done yet.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from engine.core.books import Books
from engine.core.facts import PositionFact
from engine.core.known import Fact, Unknown
from engine.core.limit_rules import SECOND_NS, LimitSettings
from engine.core.restrictions import Kind, Restriction

PATIENCE_MAX = 128  # times the grace: about an hour of thirty seconds


def unseen(positions: Fact[tuple[PositionFact, ...]], now_ns: int, age_ns_max: int) -> tuple[str, ...]:
    """Why the positions are not known at this moment; empty: they are."""
    if isinstance(positions, Unknown):
        return (f"positions: {positions.why}",)
    age_ns = now_ns - positions.at_ns
    if age_ns > age_ns_max:
        return (f"positions are {age_ns // SECOND_NS} s old",)
    if age_ns < 0:
        return ("positions are dated in the future: the clock went back",)
    return ()


class Sight(msgspec.Struct, frozen=True):
    """What one program remembers of not seeing. `blind`: the records said so when it looked last.

    Several programs watch one login. One that sees lifts the halt for all, and one that does not has to wait before it
    halts again, each time twice as long (`patience`, in graces): else they would take turns every second.
    """

    unknown_since_ns: int | None = None
    blind: bool = False
    patience: int = 1

    def looked(self, blind: bool, now_ns: int) -> Sight:
        """What the records say now, before judging."""
        if self.blind and not blind and self.unknown_since_ns is not None:  # somebody else sees
            return Sight(now_ns, False, min(2 * self.patience, PATIENCE_MAX))
        return Sight(self.unknown_since_ns, blind, self.patience)

    def rested(self) -> Sight:
        """Nobody looked for a while, on purpose: the grace begins anew."""
        return Sight(None, self.blind, self.patience)

    def judged(self, books: Books) -> Sight:
        """What the judgement came to. Whoever sees again begins with the plain grace."""
        sees = books.unknown_since_ns is None
        return Sight(books.unknown_since_ns, books.blind, 1 if sees else self.patience)

    def put_into(self, books: Books) -> Books:
        return msgspec.structs.replace(books, unknown_since_ns=self.unknown_since_ns)

    def grace(self, settings: LimitSettings) -> LimitSettings:
        """The settings with the patience that this program needs."""
        return msgspec.structs.replace(settings, blind_grace_ns=settings.blind_grace_ns * self.patience)


def to_sweep(standing: Iterable[Restriction], swept: frozenset[str]) -> tuple[Restriction, ...]:
    """The restrictions that ask for risk-adding orders to be cancelled, and for which that was not done here. Under a
    shutdown there are none: a kill cancels everything.
    """
    held = tuple(standing)
    if any(one.kind is Kind.SHUTDOWN for one in held):
        return ()
    return tuple(one for one in held if one.cancel and one.id not in swept)
