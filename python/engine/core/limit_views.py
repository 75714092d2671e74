"""Every limit of a login as people and programs look at it: how much is used, how much is left, since and until when.

Pure. What is not known has a reason and no numbers. Nothing here decides anything.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from engine.core.books import Books
from engine.core.equity import Equity
from engine.core.judgements import Gauge
from engine.core.known import Fact
from engine.core.limit_rules import Action, Limit, LimitSettings
from engine.core.limits import judge
from engine.core.periods import PeriodClock
from engine.core.restrictions import Override, Restriction

_EVER_NS = 2**63


class LimitView(msgspec.Struct, frozen=True, kw_only=True):
    """One limit. Money is in `currency`; every number is None where `unknown` says why.

    `used` is the part of the limit that is lost (1: crossed), `left` what may still be lost before it is. `since_ns`:
    when the equity was taken that losses count from; `until_ns`: when they count anew (None: never by themselves).
    `acted`: it was crossed and is not acted on again before that; `restriction` is what stands of it, `override` who
    has set that aside.
    """

    limit: Limit
    action: Action
    limit_pct: Decimal
    acted: bool = False
    period_id: str = ""
    currency: str = ""
    baseline: Decimal | None = None
    allowed: Decimal | None = None
    loss: Decimal | None = None
    left: Decimal | None = None
    used: Decimal | None = None
    since_ns: int | None = None
    until_ns: int | None = None
    restriction: Restriction | None = None
    override: Override | None = None
    unknown: str = ""

    @property
    def set_aside(self) -> bool:
        """It was crossed, and what it imposed no longer stands: a person has set it aside (`override`), or its time is
        over. It is not acted on again before `until_ns`.
        """
        return self.acted and self.restriction is None


class LimitsView(msgspec.Struct, frozen=True, kw_only=True):
    """All limits of a login. `equity` is what they were judged by. `stale`: by nobody now; it is the last that was
    written down. `unknown`: what is not known at the moment. `notes`: what a person should know of the configuration
    and of its TWS.
    """

    login: str
    at_ns: int
    limits: tuple[LimitView, ...]
    equity: Fact[Equity]
    stale: bool = False
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __getitem__(self, limit: Limit) -> LimitView:
        return next(one for one in self.limits if one.limit is limit)


def limit_views(
    gauges: Iterable[Gauge],
    books: Books,
    clock: PeriodClock,
    now_ns: int,
    standing: Iterable[Restriction] = (),
    overrides: Iterable[Override] = (),
) -> tuple[LimitView, ...]:
    """The gauges of a judgement with what belongs to them."""
    held, aside = tuple(standing), tuple(overrides)
    return tuple(_view(gauge, books, clock, now_ns, held, aside) for gauge in gauges)


def last_known(
    settings: LimitSettings, clock: PeriodClock, books: Books, equity: Fact[Equity], now_ns: int
) -> tuple[Gauge, ...]:
    """The gauges by an equity that may be old: of periods that have begun since there is nothing to show."""
    ageless = msgspec.structs.replace(settings, equity_age_ns_max=_EVER_NS)
    return judge(ageless, clock, books, equity, now_ns).gauges


def _view(
    gauge: Gauge,
    books: Books,
    clock: PeriodClock,
    now_ns: int,
    standing: tuple[Restriction, ...],
    overrides: tuple[Override, ...],
) -> LimitView:
    baseline, period = books.baseline(gauge.limit.basis), gauge.limit.basis.period
    span = None if period is None else clock.span(period, now_ns)
    of_it = next((one for one in standing if one.cause is gauge.limit.cause), None)
    known = baseline is not None and not gauge.unknown
    return LimitView(
        limit=gauge.limit,
        action=gauge.action,
        limit_pct=gauge.limit_pct,
        acted=gauge.acted,
        period_id=gauge.period_id,
        currency=baseline.currency if baseline is not None else "",
        baseline=gauge.baseline,
        allowed=gauge.allowed,
        loss=gauge.loss,
        left=gauge.left,
        used=gauge.used,
        since_ns=baseline.at_ns if baseline is not None and known else None,
        until_ns=None if span is None else span.end_ns,
        restriction=of_it,
        override=_override(gauge, overrides, 0 if span is None else span.start_ns) if of_it is None else None,
        unknown=gauge.unknown,
    )


def _override(gauge: Gauge, overrides: tuple[Override, ...], since_ns: int) -> Override | None:
    """The last one of this limit, if it was crossed in the period that began at `since_ns`, and set aside in it."""
    of_it = [one for one in overrides if one.restriction.cause is gauge.limit.cause and one.at_ns >= since_ns]
    return max(of_it, key=lambda one: one.at_ns, default=None) if gauge.acted else None
