"""What the tests of the loss limits share: one login at 100 000, on a Wednesday noon in Chicago."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from engine.core.books import Baseline, Books
from engine.core.equity import Equity
from engine.core.judgements import Judgement
from engine.core.known import Fact, Known
from engine.core.limit_rules import Basis, Limit, LimitSettings
from engine.core.limits import judge
from engine.core.periods import Period, PeriodClock

D = Decimal
CENT = D("0.01")
CLOCK = PeriodClock()
SETTINGS = LimitSettings()
SECOND = 10**9


def chicago(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/Chicago")).timestamp()) * SECOND


NOON = chicago("2026-03-11 12:00")
EVENING = chicago("2026-03-11 17:00")


def baseline(basis: Basis, equity: Decimal | str, *, at_ns: int = NOON, currency: str = "USD") -> Baseline:
    id_ = "arming-1" if basis.period is None else CLOCK.span(Period(basis.value), at_ns).id
    return Baseline(basis=basis, id=id_, equity=D(equity), currency=currency, at_ns=at_ns)


def books(**equities: Decimal | str) -> Books:
    """Books in which every basis is 100 000, unless named here."""
    return Books(
        arming="arming-1",
        baselines=tuple(baseline(basis, equities.get(basis.value, "100000")) for basis in Basis),
    )


def worth(amount: Decimal | str, at_ns: int, *, currency: str = "USD", settled: bool = True) -> Fact[Equity]:
    return Known(Equity(D(amount), currency, settled), at_ns)


def judged(
    books: Books, equity: Decimal | str | Fact[Equity], now_ns: int = NOON + SECOND, settings: LimitSettings = SETTINGS
) -> Judgement:
    fact = worth(equity, now_ns) if isinstance(equity, Decimal | str) else equity
    return judge(settings, CLOCK, books, fact, now_ns)


def limits(judgement: Judgement) -> list[Limit]:
    return [breach.limit for breach in judgement.breaches]
