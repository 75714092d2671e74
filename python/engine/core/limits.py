"""Has a login lost too much? Judges one equity against every limit. Pure: no clock, socket or log.

A loss of exactly the limit crosses it. What is unknown, stale or in another currency is never judged: it makes the
login blind. A limit that was acted on in its period is not acted on again, whatever a person decided since; only the
next severer limit is. Nothing here may impose, lift, journal or kill: it says what is to be done, all at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal, localcontext
from typing import TypeAlias

import msgspec

from engine.core.books import Baseline, Books, net_deposits, unexplained
from engine.core.equity import Equity
from engine.core.followed import EXACT, plausible
from engine.core.judgements import Breach, Gauge, Imposition, Judgement
from engine.core.known import Fact, Known, Unknown
from engine.core.limit_rules import SECOND_NS, Action, Basis, Lasting, Limit, LimitSettings, Rule
from engine.core.periods import Period, PeriodClock
from engine.core.restrictions import ONE, Cause, Kind

_SHOWN = Context(prec=12)
_KINDS = {
    Action.REDUCE_SIZE: Kind.SIZE_FACTOR,
    Action.REDUCE_ONLY: Kind.REDUCE_ONLY,
    Action.HALT: Kind.HALT,
    Action.KILL: Kind.SHUTDOWN,
}
_NAMES = {Limit.DAILY: "daily", Limit.WEEKLY: "weekly", Limit.MONTHLY: "monthly", Limit.BREAKER: "circuit breaker"}
_ORIGINS = {
    Basis.DAY: "in trading day",
    Basis.WEEK: "in week",
    Basis.MONTH: "in month",
    Basis.PEAK: "from the peak since arming",
}


class _Waiting(msgspec.Struct, frozen=True):
    """A limit has nothing to be measured from for the moment, which is no fault."""

    why: str


class _Measure(msgspec.Struct, frozen=True):
    """A limit's loss, and the loss that crosses it."""

    baseline: Baseline
    net_deposits: Decimal
    unexplained: Decimal
    loss: Decimal
    allowed: Decimal


_Measured: TypeAlias = _Measure | _Waiting | Unknown


def judge(
    settings: LimitSettings,
    clock: PeriodClock,
    books: Books,
    equity: Fact[Equity],
    now_ns: int,
    *,
    unknown: tuple[str, ...] = (),
) -> Judgement:
    """Judge now. `unknown`: what else of the login is not known, such as its positions, and why."""
    with localcontext(EXACT):
        seen = _fresh(settings, equity, now_ns)
        if isinstance(seen, Unknown):
            blind = _watched(settings, books, (*unknown, seen.why), now_ns)
            return msgspec.structs.replace(blind, gauges=_gauges(settings, books, dict.fromkeys(Limit, seen)))
        new = (*_begun(clock, books, seen, now_ns), *_raised(books, seen, now_ns))
        for baseline in new:
            books = books.with_baseline(baseline)
        measures = {rule.limit: _measure(rule, clock, books, seen, now_ns) for rule in settings.rules}
        whys = (*unknown, *_unmeasured(measures), *_fallen(books))
        judged = _watched(settings, books, whys, now_ns)
        return _crossed(settings, clock, judged, measures, seen, now_ns, new)


def _fresh(settings: LimitSettings, equity: Fact[Equity], now_ns: int) -> Fact[Equity]:
    """The equity if it can be judged: known, a number, and neither old nor from the future."""
    if isinstance(equity, Unknown):
        return equity
    age_ns = now_ns - equity.at_ns
    if age_ns > settings.equity_age_ns_max:
        return Unknown(f"equity is {age_ns // SECOND_NS} s old")
    if age_ns < 0:
        return Unknown("equity is dated in the future: the clock went back")
    if not plausible(equity.value.amount):
        return Unknown(f"equity is no plausible amount: {equity.value.amount}")
    return equity


# where losses are counted from ----------------------------------------------------------------------------------------


def _begun(clock: PeriodClock, books: Books, seen: Known[Equity], now_ns: int) -> tuple[Baseline, ...]:
    """The baselines of periods that have begun, if this equity is of theirs and fit to measure from."""
    if not seen.value.settled or seen.value.amount <= 0:
        return ()
    new: list[Baseline] = []
    for period in Period:
        span, old = clock.span(period, now_ns), books.baseline(Basis(period.value))
        if seen.at_ns >= span.start_ns and (old is None or old.at_ns < span.start_ns):
            new.append(_baseline(Basis(period.value), span.id, seen, now_ns, late_ns=now_ns - span.start_ns))
    return tuple(new)


def _raised(books: Books, seen: Known[Equity], now_ns: int) -> tuple[Baseline, ...]:
    """The peak if this equity is above it. Money that nobody has explained yet is no gain, and waits."""
    peak = books.baseline(Basis.PEAK)
    if not seen.value.settled or seen.value.amount <= 0:
        return ()
    if peak is None:
        return (_baseline(Basis.PEAK, books.arming, seen, now_ns),)
    if peak.currency != seen.value.currency or books.jumps:
        return ()
    if seen.value.amount <= peak.equity + net_deposits(books, peak, now_ns):
        return ()
    return (_baseline(Basis.PEAK, books.arming, seen, now_ns),)


def _baseline(basis: Basis, id_: str, seen: Known[Equity], now_ns: int, *, late_ns: int = 0) -> Baseline:
    """Dated when it was judged, not when the broker spoke last: every jump that the equity has in it came before,
    and must not be counted from here on once more.
    """
    equity = seen.value
    return Baseline(basis=basis, id=id_, equity=equity.amount, currency=equity.currency, at_ns=now_ns, late_ns=late_ns)


# losses ---------------------------------------------------------------------------------------------------------------


def _measure(rule: Rule, clock: PeriodClock, books: Books, seen: Known[Equity], now_ns: int) -> _Measured:
    """The loss against one limit."""
    basis, equity = rule.limit.basis, seen.value
    baseline, period = books.baseline(basis), basis.period
    if baseline is None or (period is not None and baseline.at_ns < clock.span(period, now_ns).start_ns):
        if equity.amount > 0:
            return _Waiting("no equity of this period is known yet")
        return Unknown(f"equity is {_money(equity.amount)} {equity.currency}: no loss can be counted from that")
    if baseline.currency != equity.currency:
        return Unknown(
            f"equity is in {equity.currency}, but was {_money(baseline.equity)} {baseline.currency} before: "
            "if the base currency was changed, qe limits rebase"
        )
    deposits = net_deposits(books, baseline, now_ns)
    rise, fall = unexplained(books, baseline)
    if basis is Basis.PEAK:  # what may end in a kill is measured from the lower of two doubtful peaks
        base, doubtful = baseline.equity + deposits + fall, fall
    else:
        base, doubtful = baseline.equity, rise + fall
    if base <= 0:
        return Unknown(
            f"losses would count from {_money(base)} {equity.currency} after withdrawals: that has no percent"
        )
    loss = baseline.equity + deposits + doubtful - equity.amount
    return _Measure(baseline, deposits, doubtful, loss, (base * rule.loss_pct).scaleb(-2))


def _unmeasured(measures: Mapping[Limit, _Measured]) -> tuple[str, ...]:
    """Why limits could not be measured, each reason once."""
    return tuple(dict.fromkeys(each.why for each in measures.values() if isinstance(each, Unknown)))


def _fallen(books: Books) -> tuple[str, ...]:
    """Equity that went nobody knows where: perhaps a withdrawal, perhaps a loss. Until a person says, it is unknown."""
    return tuple(
        f"equity fell by {_money(-jump.amount)} {jump.currency} without any profit or loss that explains it: "
        "record the withdrawal (qe cashflow), or say that it was a loss (qe limits settle)"
        for jump in books.jumps
        if jump.amount < 0
    )


# what follows ---------------------------------------------------------------------------------------------------------


def _crossed(
    settings: LimitSettings,
    clock: PeriodClock,
    judged: Judgement,
    measures: Mapping[Limit, _Measured],
    seen: Known[Equity],
    now_ns: int,
    new: tuple[Baseline, ...],
) -> Judgement:
    """Add every limit that is crossed and was not acted on yet, the severest first."""
    books, breaches, impositions = judged.books, [], []
    for rule in sorted(settings.rules, key=lambda rule: list(Limit).index(rule.limit), reverse=True):
        measure = measures[rule.limit]
        if not isinstance(measure, _Measure) or measure.baseline.acted or measure.loss < measure.allowed:
            continue
        breach = _breach(rule, measure, seen.value, now_ns)
        breaches.append(breach)
        books = books.with_acted(rule.limit.basis, measure.baseline.id)
        if rule.action is not Action.ALERT:
            impositions.append(_imposition(settings, clock, rule, breach))
    return msgspec.structs.replace(
        judged,
        books=books,
        baselines=new,
        breaches=tuple(breaches),
        impositions=(*impositions, *judged.impositions),
        kill=any(breach.action is Action.KILL for breach in breaches),
        gauges=_gauges(settings, books, measures),
    )


def _breach(rule: Rule, measure: _Measure, equity: Equity, now_ns: int) -> Breach:
    return Breach(
        limit=rule.limit,
        action=rule.action,
        period_id=measure.baseline.id,
        baseline=measure.baseline.equity,
        net_deposits=measure.net_deposits,
        unexplained=measure.unexplained,
        equity=equity.amount,
        currency=equity.currency,
        loss=measure.loss,
        allowed=measure.allowed,
        limit_pct=rule.loss_pct,
        since_ns=measure.baseline.at_ns,
        at_ns=now_ns,
    )


def _imposition(settings: LimitSettings, clock: PeriodClock, rule: Rule, breach: Breach) -> Imposition:
    return Imposition(
        kind=_KINDS[rule.action],
        cause=rule.limit.cause,
        until_ns=_until_ns(settings, clock, rule, breach.at_ns),
        size_factor=settings.size_factor if rule.action is Action.REDUCE_SIZE else ONE,
        reason=_reason(breach),
        everywhere=settings.everywhere,
        cancel=rule.action in (Action.REDUCE_ONLY, Action.HALT),
    )


def _until_ns(settings: LimitSettings, clock: PeriodClock, rule: Rule, now_ns: int) -> int | None:
    if rule.action is Action.KILL or rule.lasting is Lasting.LIFTED:
        return None
    if rule.lasting is Lasting.PAUSE:
        return now_ns + settings.pause_ns
    return clock.span(Period(rule.lasting.value), now_ns).end_ns


def _reason(breach: Breach) -> str:
    basis = breach.limit.basis
    origin = _ORIGINS[basis] if basis is Basis.PEAK else f"{_ORIGINS[basis]} {breach.period_id}"
    said = (
        f"lost {_money(breach.loss)} {breach.currency} {origin}, from {_money(breach.baseline)} to "
        f"{_money(breach.equity)}; the {_NAMES[breach.limit]} limit is {breach.limit_pct} %, {_money(breach.allowed)}"
    )
    return f"{said}; net deposits {_money(breach.net_deposits)}" if breach.net_deposits else said


def _watched(settings: LimitSettings, books: Books, whys: tuple[str, ...], now_ns: int) -> Judgement:
    """Begin or end being blind."""
    if not whys:
        clear = msgspec.structs.replace(books, unknown_since_ns=None, blind=False)
        return Judgement(books=clear, sees_again=books.blind)
    since_ns = now_ns if books.unknown_since_ns is None else min(books.unknown_since_ns, now_ns)
    begins = not books.blind and now_ns - since_ns >= settings.blind_grace_ns
    books = msgspec.structs.replace(books, unknown_since_ns=since_ns, blind=books.blind or begins)
    if not begins:
        return Judgement(books=books, unknown=whys)
    halt = Imposition(kind=Kind.HALT, cause=Cause.BLIND, until_ns=None, size_factor=ONE, reason="; ".join(whys))
    return Judgement(books=books, unknown=whys, impositions=(halt,), blind_since_ns=since_ns)


def _gauges(settings: LimitSettings, books: Books, measures: Mapping[Limit, _Measured]) -> tuple[Gauge, ...]:
    acted = {one.basis for one in books.baselines if one.acted}
    return tuple(_gauge(rule, measures[rule.limit], rule.limit.basis in acted) for rule in settings.rules)


def _gauge(rule: Rule, measured: _Measured, acted: bool) -> Gauge:
    bare = Gauge(limit=rule.limit, action=rule.action, limit_pct=rule.loss_pct, acted=acted)
    if not isinstance(measured, _Measure):
        return msgspec.structs.replace(bare, unknown=measured.why)
    return msgspec.structs.replace(
        bare,
        period_id=measured.baseline.id,
        baseline=measured.baseline.equity,
        loss=measured.loss,
        allowed=measured.allowed,
        left=measured.allowed - measured.loss,
        used=max(Decimal(0), _SHOWN.divide(measured.loss, measured.allowed)),
    )


def _money(amount: Decimal) -> str:
    return f"{amount:,.2f}"
