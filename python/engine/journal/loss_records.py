"""Between the loss limits and the journal: what is written down of them, and the books that it comes to again. Pure.

After a restart `books_of` gives the books that the judgements before it left, as far as they decide anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext

from engine.core.books import Baseline, Books, Flow, Jump
from engine.core.followed import EXACT, Equity
from engine.core.judgements import Breach
from engine.core.known import Fact, Known, Unknown
from engine.core.limit_changes import FIRST_REASON, Change
from engine.core.limit_rules import Basis, Limit
from engine.core.restrictions import Cause, Kind, Restriction, Scope
from engine.journal.events import (
    BaselineSet,
    CashFlow,
    JumpSettled,
    JumpSuspected,
    KillEnded,
    KillPressed,
    LimitBreached,
    LimitChanged,
    LimitsTaken,
    Record,
    Reset,
)
from engine.journal.state import JournalState

NEVER_RESET = "first"
_LIMIT_CAUSES = frozenset(limit.cause for limit in Limit)


# what is written down -------------------------------------------------------------------------------------------------


def baseline_set(scope: Scope, baseline: Baseline) -> BaselineSet:
    return BaselineSet(
        scope=scope,
        period=baseline.basis.value,
        period_id=baseline.id,
        equity=baseline.equity,
        currency=baseline.currency,
        as_of_ns=baseline.at_ns,
        late_ns=baseline.late_ns,
    )


def limit_breached(scope: Scope, breach: Breach) -> LimitBreached:
    return LimitBreached(
        scope=scope,
        limit=breach.limit.value,
        baseline=breach.baseline,
        net_deposits=breach.net_deposits,
        equity=breach.equity,
        currency=breach.currency,
        loss_pct=breach.loss * breach.limit_pct / breach.allowed,
        limit_pct=breach.limit_pct,
        period_id=breach.period_id,
        action=breach.action.value,
        loss=breach.loss,
        unexplained=breach.unexplained,
    )


def cash_flow(scope: Scope, flow: Flow, note: str) -> CashFlow:
    return CashFlow(
        scope=scope,
        amount=flow.amount,
        currency=flow.currency,
        effective_ns=flow.at_ns,
        note=note,
        announced=flow.announced,
    )


def jump_suspected(scope: Scope, jump: Jump, after: Decimal) -> JumpSuspected:
    """`after`: the equity with the jump in it."""
    with localcontext(EXACT):
        before = after - jump.amount
    return JumpSuspected(scope=scope, before=before, after=after, currency=jump.currency, seen_ns=jump.at_ns)


def limits_changed(scope: Scope, changes: Iterable[Change]) -> Iterable[LimitsTaken | LimitChanged]:
    """The values that limits are first used with in one record; each later change in one of its own."""
    changes = tuple(changes)
    first = tuple((one.key, one.new) for one in changes if not one.old)
    if first:
        yield LimitsTaken(scope=scope, values=first)
    yield from (limit_changed(scope, one) for one in changes if one.old)


def limit_changed(scope: Scope, change: Change) -> LimitChanged:
    """The record's own time is when it was told."""
    return LimitChanged(
        scope=scope,
        limit=change.key,
        old=change.old,
        new=change.new,
        reason=change.reason,
        effective_ns=change.effective_ns,
    )


# what it comes to -----------------------------------------------------------------------------------------------------


def books_of(state: JournalState, scope: Scope, *, without: frozenset[int] = frozenset()) -> Books:
    """The books of a login. A reset begins a new arming; the peak is counted anew from then on. `without`: records of
    money, by number, that do not show yet in the equity that is to be judged.
    """
    books = Books(arming=arming_of(state, scope), blind=_is_blind(state, scope))
    for basis in Basis:
        found = state.baseline(scope, basis.value)
        if found is not None and isinstance(found.event, BaselineSet):
            baseline = _baseline(basis, found, found.event)
            if basis is not Basis.PEAK or baseline.id == books.arming:
                books = books.with_baseline(baseline)
    for limit in Limit:
        found = state.breach(scope, limit.value)
        if found is not None and isinstance(found.event, LimitBreached):
            books = books.with_acted(limit.basis, found.event.period_id)
    for record in sorted((*state.cash_flows, *state.jumps), key=lambda each: each.seq):
        if record.seq in without:
            continue
        books = _with_money(books, record, scope)
    return books


def arming_of(state: JournalState, scope: Scope) -> str:
    """What the peak since arming is kept under: the last reset of this login, or that there was none."""
    resets = [
        record.seq
        for record in state.resets.values()
        if isinstance(record.event, Reset) and record.event.scope.meets(scope)
    ]
    return f"reset-{max(resets)}" if resets else NEVER_RESET


def owed_kill(state: JournalState, scope: Scope, now_ns: int) -> Restriction | None:
    """A limit has shut this login down, and no kill of it was begun since: whoever was to press died before. None: no
    kill is owed. A kill that is open is its own program's, or whoever takes it up.
    """
    for one in state.effective(scope, now_ns).standing:
        by_limit = one.kind is Kind.SHUTDOWN and one.cause in _LIMIT_CAUSES
        if by_limit and not _was_killed(state, scope, one.since_ns):
            return one
    return None


def _was_killed(state: JournalState, scope: Scope, since_ns: int) -> bool:
    for record in (*state.kills_open.values(), *state.kills_ended.values()):
        event = record.event
        if not isinstance(event, KillPressed | KillEnded) or not any(one.meets(scope) for one in event.scopes):
            continue
        if isinstance(event, KillPressed) or record.at_ns >= since_ns:
            return True
    return False


def last_equity(state: JournalState, scope: Scope) -> Fact[Equity]:
    """The last equity of a login that was written down, of whatever moment it is."""
    found: Fact[Equity] = Unknown("no equity of this login was ever written down")
    for record in (*state.baselines, *state.breaches):
        match record.event:
            case BaselineSet(equity=amount, currency=currency, as_of_ns=as_of_ns) as event:
                at_ns = record.at_ns if as_of_ns is None else as_of_ns
            case LimitBreached(equity=amount, currency=currency) as event:
                at_ns = record.at_ns
            case _:
                continue
        if event.scope.meets(scope) and (isinstance(found, Unknown) or found.at_ns <= at_ns):
            found = Known(Equity(amount, currency), at_ns)
    return found


def changes_of(records: Iterable[Record], scope: Scope) -> tuple[Change, ...]:
    """The changes of a login's limits, in the order in which they were told."""
    return tuple(change for record in records for change in _changes(record, scope))


def _changes(record: Record, scope: Scope) -> Iterable[Change]:
    match record.event:
        case LimitChanged(scope=of) as event if of.meets(scope):
            yield Change(
                key=event.limit,
                old=event.old,
                new=event.new,
                reason=event.reason,
                told_ns=record.at_ns,
                effective_ns=event.effective_ns,
            )
        case LimitsTaken(scope=of, values=values) if of.meets(scope):
            for key, value in values:
                yield Change(
                    key=key, old="", new=value, reason=FIRST_REASON, told_ns=record.at_ns, effective_ns=record.at_ns
                )


def _with_money(books: Books, record: Record, scope: Scope) -> Books:
    match record.event:
        case CashFlow(amount=amount, currency=currency) as event if event.scope.meets(scope):
            flow = Flow(amount=amount, currency=currency, at_ns=event.effective_ns, announced=event.announced)
            return books.with_flow(flow)
        case JumpSuspected(currency=currency, seen_ns=seen_ns) as event if event.scope.meets(scope):
            with localcontext(EXACT):
                amount = event.after - event.before
            return books.with_jump(
                Jump(amount=amount, currency=currency, at_ns=record.at_ns if seen_ns is None else seen_ns)
            )
        case JumpSettled(seen_ns=seen_ns) as event if event.scope.meets(scope):
            return books.with_jump_settled(seen_ns)
    return books


def _baseline(basis: Basis, record: Record, event: BaselineSet) -> Baseline:
    return Baseline(
        basis=basis,
        id=event.period_id,
        equity=event.equity,
        currency=event.currency,
        at_ns=record.at_ns if event.as_of_ns is None else event.as_of_ns,
        late_ns=event.late_ns,
    )


def _is_blind(state: JournalState, scope: Scope) -> bool:
    return any(one.cause is Cause.BLIND and one.scope.meets(scope) for one in state.restrictions)


def is_peak(record: Record) -> bool:
    return isinstance(record.event, BaselineSet) and record.event.period == Basis.PEAK.value


def is_jump(record: Record) -> bool:
    return isinstance(record.event, JumpSuspected)
