"""How often, and whether the margin is there. Orders that only reduce are bounded by the position and not held back."""

from __future__ import annotations

from collections.abc import Iterator

from engine.core.known import Known
from engine.core.preflight.checks_state import previews
from engine.core.preflight.facts import Facts
from engine.core.preflight.intent import Intent
from engine.core.preflight.settings import Settings
from engine.core.preflight.verdict import Code, Failure


def check_pace(intent: Intent, facts: Facts, settings: Settings) -> Iterator[Failure]:
    """One more of one that may be live, one more of the same, one more child like the others, one more order at all."""
    if previews(intent) or not facts.adds_risk:
        return
    if facts.unconfirmed is not None:
        yield Failure(Code.UNCONFIRMED, facts.unconfirmed[1], None)
    pace = facts.pace
    if pace.same >= settings.duplicates_max:
        yield Failure(Code.DUPLICATE, pace.same + 1, settings.duplicates_max)
    if pace.repeats >= settings.repeats_max:
        yield Failure(Code.REPEATS, pace.repeats + 1, settings.repeats_max)
    if pace.in_second >= settings.orders_per_second_max:
        yield Failure(Code.RATE_PER_SECOND, pace.in_second + 1, settings.orders_per_second_max)
    if pace.in_minute >= settings.orders_per_minute_max:
        yield Failure(Code.RATE_PER_MINUTE, pace.in_minute + 1, settings.orders_per_minute_max)


def check_margin(intent: Intent, facts: Facts, settings: Settings) -> Iterator[Failure]:
    """Only where a preview was asked for: the equity with loan must cover the initial margin after the order."""
    if facts.margin is None or not facts.adds_risk:
        return
    if not isinstance(facts.margin, Known):
        yield Failure(Code.MARGIN_UNKNOWN, facts.margin.why, None)
        return
    preview = facts.margin.value
    equity, margin = preview.equity_with_loan_after, preview.initial_margin_after
    if not equity.is_finite() or not margin.is_finite():
        yield Failure(Code.MARGIN_UNKNOWN, f"{equity} of {margin}", None)
    elif margin > equity:
        yield Failure(Code.MARGIN, margin, equity)
