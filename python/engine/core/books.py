"""What the loss limits remember of one login: where losses are counted from, money in and out, what was acted on. Pure.

It is a fold: each `with_…` takes one thing that was written down, in the order in which it was, and gives the books
after it; after a restart the same records give the same books. Money that moves without profit or loss is a *jump*
when it was seen and a *flow* when a person told of it; the two are brought together here and counted once.
Nothing here may decide what a loss leads to.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from engine.core.limit_rules import Basis

ZERO = Decimal(0)
_FIT = 4  # a flow and a jump are the same money when they differ by at most this part of the larger


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """Losses are counted from this equity. `id`: the period's; of the peak, that of the arming.

    `late_ns`: how long after the period began it was set; a first start in mid-period counts from there. `acted`: this
    limit was crossed already, and is not acted on again.
    """

    basis: Basis
    id: str
    equity: Decimal
    currency: str
    at_ns: int
    late_ns: int = 0
    acted: bool = False


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """Money that came in (positive) or went out, as the operator told. `announced`: it does not show in equity yet."""

    amount: Decimal
    currency: str
    at_ns: int
    announced: bool = False


class Jump(msgspec.Struct, frozen=True, kw_only=True):
    """Equity moved by `amount` and no profit or loss explains it: a deposit, a withdrawal, or an error somewhere."""

    amount: Decimal
    currency: str
    at_ns: int


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """All of it. `unknown_since_ns`: since when equity has not been known; `blind`: a restriction says so already."""

    arming: str = ""
    baselines: tuple[Baseline, ...] = ()
    flows: tuple[Flow, ...] = ()
    jumps: tuple[Jump, ...] = ()
    unknown_since_ns: int | None = None
    blind: bool = False

    def baseline(self, basis: Basis) -> Baseline | None:
        return next((one for one in self.baselines if one.basis is basis), None)

    def with_baseline(self, new: Baseline) -> Books:
        """Losses of its basis are counted from here on; what was acted on under the same id stays acted on."""
        old = self.baseline(new.basis)
        if old is not None and old.id == new.id and old.acted:
            new = msgspec.structs.replace(new, acted=True)
        others = tuple(one for one in self.baselines if one.basis is not new.basis)
        baselines = (*others, new)
        oldest = min(one.at_ns for one in baselines)
        flows = tuple(flow for flow in self.flows if flow.announced or flow.at_ns > oldest)
        return msgspec.structs.replace(self, baselines=baselines, flows=flows)

    def with_acted(self, basis: Basis, id_: str) -> Books:
        """This limit was crossed, and acted on, in this period."""
        baselines = tuple(
            msgspec.structs.replace(one, acted=True) if (one.basis, one.id) == (basis, id_) else one
            for one in self.baselines
        )
        return msgspec.structs.replace(self, baselines=baselines)

    def armed(self, arming: str) -> Books:
        """The login was armed (anew): the peak is counted from the next equity that is known."""
        baselines = tuple(one for one in self.baselines if one.basis is not Basis.PEAK)
        return msgspec.structs.replace(self, arming=arming, baselines=baselines)

    def rebased(self) -> Books:
        """A person had every loss counted from now on anew, as after a change of the base currency."""
        return msgspec.structs.replace(self, baselines=(), flows=(), jumps=())

    def with_flow(self, flow: Flow) -> Books:
        """Somebody told of money. If it was seen already, it is counted from when it was seen."""
        seen = next((jump for jump in self.jumps if same_money(flow, jump)), None)
        if seen is None:
            return msgspec.structs.replace(self, flows=(*self.flows, flow))
        counted = msgspec.structs.replace(flow, at_ns=seen.at_ns, announced=False)
        jumps = tuple(jump for jump in self.jumps if jump is not seen)
        return msgspec.structs.replace(self, flows=(*self.flows, counted), jumps=jumps)

    def with_jump(self, jump: Jump) -> Books:
        """Money was seen. If somebody had announced it, it is counted from now on."""
        told = next((flow for flow in self.flows if flow.announced and same_money(flow, jump)), None)
        if told is None:
            return msgspec.structs.replace(self, jumps=(*self.jumps, jump))
        counted = msgspec.structs.replace(told, at_ns=jump.at_ns, announced=False)
        flows = tuple(counted if flow is told else flow for flow in self.flows)
        return msgspec.structs.replace(self, flows=flows)

    def with_jump_settled(self, at_ns: int) -> Books:
        """A person looked into the jump of that moment: it was profit or loss after all, and counts as such."""
        return msgspec.structs.replace(self, jumps=tuple(jump for jump in self.jumps if jump.at_ns != at_ns))

    def understood(self, flow: Flow, *, watched_since_ns: int | None, jump_min: Decimal) -> Flow:
        """How a flow that is being told now is to be written down: as one that shows in equity, or as announced.

        It does not show yet if equity has been watched since before it (`watched_since_ns`; None: nobody watches),
        it is large enough to be seen as a jump, and none was.
        """
        watched = watched_since_ns is not None and watched_since_ns <= flow.at_ns
        unseen = watched and abs(flow.amount) >= jump_min and not any(same_money(flow, jump) for jump in self.jumps)
        return msgspec.structs.replace(flow, announced=unseen)


def net_deposits(books: Books, since: Baseline, now_ns: int) -> Decimal:
    """Money in and out after the baseline was set, as far as it shows in equity. An amount in another currency is no
    amount of this one: it does not count, and what it did to equity shows as a jump.
    """
    shown = (flow for flow in books.flows if not flow.announced and since.at_ns < flow.at_ns <= now_ns)
    return _sum(flow.amount for flow in shown if flow.currency == since.currency)


def unexplained(books: Books, since: Baseline) -> tuple[Decimal, Decimal]:
    """What equity rose and what it fell by, both without explanation, after the baseline was set."""
    amounts = [jump.amount for jump in books.jumps if jump.at_ns > since.at_ns]
    return _sum(max(each, ZERO) for each in amounts), _sum(min(each, ZERO) for each in amounts)


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)


def same_money(flow: Flow, jump: Jump) -> bool:
    """Told and seen are the same: one direction, one currency, about the same size (fees, and prices meanwhile)."""
    larger = max(abs(flow.amount), abs(jump.amount))
    return flow.currency == jump.currency and abs(flow.amount - jump.amount) * _FIT <= larger
