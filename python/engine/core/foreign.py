"""What becomes of what others do on a login that may not do it: orders under a halt, anything after a kill. Pure.

Another client's order cannot be cancelled by its number. A global cancel reaches it, and takes protective orders with
it; or whoever has its client's id, which is free when that program is gone. So under a halt a global cancel is sent
only where it takes nothing protective; else the ids are borrowed. After a kill everything goes.

Being blind is a halt of another kind: it ends by itself, and every restart of TWS in the night makes one. So is a
journal that cannot be used, as where a disk is full. Nothing that worked before is taken back for those.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from enum import Enum

import msgspec

from engine.core.facts import PositionFact, WorkingOrder
from engine.core.known import Fact, Known
from engine.core.restrictions import Kind, State


class Answer(Enum):
    """What is to be done now."""

    NOTHING = "nothing"
    TELL = "tell"  # a person has to know
    CANCEL_ALL = "cancel_all"  # a global cancel, and a person has to know
    CANCEL_EACH = "cancel_each"  # one by one, under their clients' ids where those are free, and a person has to know
    KILL = "kill"  # the kill once more, which joins one that runs


class ForeignSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`cancel`: foreign orders that add risk under a halt are cancelled where that harms nothing; else they are told.
    `close`: what appears after a kill is closed; else it is told.
    """

    cancel: bool = True
    close: bool = True


class Found(msgspec.Struct, frozen=True):
    """The answer, and what it is about: its orders by permId, its positions by account and contract."""

    answer: Answer
    orders: tuple[WorkingOrder, ...] = ()
    positions: tuple[PositionFact, ...] = ()
    protected: tuple[WorkingOrder, ...] = ()  # that a global cancel would take with it
    staying: tuple[WorkingOrder, ...] = ()  # … and those that add risk, worked before, and are not taken back

    @property
    def by_client(self) -> Mapping[int, tuple[WorkingOrder, ...]]:
        """The orders that can be cancelled under their clients' ids. Id 0 is never borrowed: TWS would bind to it what
        was typed into it, which cancels and sends it anew.
        """
        found: dict[int, tuple[WorkingOrder, ...]] = {}
        for one in self.orders:
            if one.client_id > 0 and one.order_id > 0:
                found[one.client_id] = (*found.get(one.client_id, ()), one)
        return found

    @property
    def key(self) -> tuple[object, ...]:
        """The same key: the same things."""
        return (
            self.answer,
            tuple(sorted(one.perm_id for one in self.orders)),
            tuple(sorted((one.account, one.contract.con_id, one.quantity) for one in self.positions)),
        )

    @property
    def about(self) -> frozenset[str]:
        """The names of these things, whatever their size is by now."""
        orders = (f"order {one.perm_id}" for one in self.orders)
        return frozenset((*orders, *(f"{one.account} {one.contract.con_id}" for one in self.positions)))


NOTHING = Found(Answer.NOTHING)
Stood = frozenset[tuple[int, Decimal]]  # orders by permId and size: one that was made larger is another one


class Before(msgspec.Struct, frozen=True):
    """Which orders worked on a login when it was last seen free to add risk. `stood` None: it was never seen."""

    stood: Stood | None = None

    def seen(self, state: State, orders: Fact[tuple[WorkingOrder, ...]]) -> Before:
        """What a look has shown. Who comes to a login that is blind already takes what is there for what was there; but
        not where the records cannot be read, for it may have been stopped.
        """
        first = self.stood is None and state.stopped_by_nobody and state.records_read
        if not isinstance(orders, Known) or not (state.may_add_risk or first):
            return self
        return Before(frozenset((one.perm_id, one.quantity) for one in orders.value))

    def without(self, state: State, adding: Fact[tuple[WorkingOrder, ...]]) -> Fact[tuple[WorkingOrder, ...]]:
        """The orders that add risk and are to be met in this state: all of them, but where nobody has stopped it none
        that worked before.
        """
        if not isinstance(adding, Known) or not state.stopped_by_nobody or self.stood is None:
            return adding
        fresh = tuple(one for one in adding.value if (one.perm_id, one.quantity) not in self.stood)
        return Known(fresh, adding.at_ns)

    def staying(self, state: State, adding: Fact[tuple[WorkingOrder, ...]]) -> frozenset[int]:
        """The others of them, by permId."""
        met = self.without(state, adding)
        if not isinstance(adding, Known) or not isinstance(met, Known):
            return frozenset()
        return frozenset(one.perm_id for one in adding.value) - {one.perm_id for one in met.value}


def judge_foreign(
    kind: Kind | None,
    positions: Fact[tuple[PositionFact, ...]],
    orders: Fact[tuple[WorkingOrder, ...]],
    adding: Fact[tuple[WorkingOrder, ...]],
    settings: ForeignSettings,
    *,
    kill_runs: bool,
    staying: frozenset[int] = frozenset(),
) -> Found:
    """What to do about a login in this state. `adding`: those of `orders` that add risk and are to be met. `staying`:
    those that add risk and are not. `kill_runs`: one is under way, and sees to everything itself. Nothing is done about
    what is not known: that is the watch's business (blind).
    """
    if kill_runs or not isinstance(orders, Known):
        return NOTHING
    if kind is Kind.SHUTDOWN:
        return _after_a_kill(positions, orders.value, settings)
    if kind in (Kind.HALT, Kind.REDUCE_ONLY) and isinstance(adding, Known) and adding.value:
        going = {one.perm_id for one in adding.value}
        spared = tuple(one for one in orders.value if one.perm_id not in going)
        found = Found(
            Answer.TELL,
            orders=adding.value,
            protected=tuple(one for one in spared if one.perm_id not in staying),
            staying=tuple(one for one in spared if one.perm_id in staying),
        )
        if not settings.cancel:
            return found
        if not spared:
            return msgspec.structs.replace(found, answer=Answer.CANCEL_ALL)
        return msgspec.structs.replace(found, answer=Answer.CANCEL_EACH) if found.by_client else found
    return NOTHING


def _after_a_kill(
    positions: Fact[tuple[PositionFact, ...]], orders: tuple[WorkingOrder, ...], settings: ForeignSettings
) -> Found:
    held = tuple(one for one in positions.value if one.quantity) if isinstance(positions, Known) else ()
    if not held and not orders:
        return NOTHING
    return Found(Answer.KILL if settings.close else Answer.TELL, orders=orders, positions=held)
