"""What the table [limits] comes to: the rules that are judged by, and the clock that ends their periods.

Also the way between a table and plain texts, key by key: that is how a change of a limit is written down.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from decimal import Decimal

import msgspec

from engine.config.limits_table import LimitsTable
from engine.core.equity import EquitySettings
from engine.core.limit_rules import Action, Lasting, Limit, LimitSettings, Rule
from engine.core.periods import DAY_NS, PeriodClock

SECOND_NS = 1_000_000_000


def limit_settings(table: LimitsTable) -> LimitSettings:
    """The rules."""
    rules = (
        (Limit.DAILY, table.daily_loss_pct, table.daily_action, table.daily_until),
        (Limit.WEEKLY, table.weekly_loss_pct, table.weekly_action, table.weekly_until),
        (Limit.MONTHLY, table.monthly_loss_pct, table.monthly_action, table.monthly_until),
        (Limit.BREAKER, table.breaker_loss_pct, table.breaker_action, table.breaker_until),
    )
    return LimitSettings(
        rules=tuple(Rule(limit, _decimal(pct), Action(action), Lasting(until)) for limit, pct, action, until in rules),
        size_factor=_decimal(table.size_factor),
        pause_ns=int(_decimal(table.pause_days) * DAY_NS),
        everywhere=table.everywhere,
        blind_grace_ns=_ns(table.blind_after_s),
        equity_age_ns_max=_ns(table.stale_after_s),
    )


def equity_settings(table: LimitsTable) -> EquitySettings:
    """How the broker's numbers are read."""
    return EquitySettings(news_age_ns_max=_ns(table.stale_after_s))


def period_clock(table: LimitsTable) -> PeriodClock:
    """The clock; `ValueError` if this machine does not know the time zone."""
    rollover = datetime.time.fromisoformat(table.rollover)
    return PeriodClock(rollover=rollover, zone=table.time_zone, holidays=frozenset(table.holidays))


def limit_values(table: LimitsTable) -> dict[str, str]:
    """Every key with its value as a text. Equal values have equal texts."""
    return {key: _text(value) for key, value in msgspec.structs.asdict(table).items()}


def limits_table(values: Mapping[str, str]) -> LimitsTable:
    """The table of these texts; `msgspec.ValidationError` if one of them is not a value of its key."""
    known = dict(values)
    holidays = known.pop("holidays", "")
    return msgspec.convert({**known, "holidays": holidays.split()}, LimitsTable, strict=False)


def _decimal(number: float) -> Decimal:
    """The number as it was written: 0.1 is a tenth."""
    return Decimal(repr(number))


def _ns(seconds: float) -> int:
    return int(_decimal(seconds) * SECOND_NS)


def _text(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{_decimal(value).normalize():f}"
        case tuple():
            return " ".join(sorted({day.isoformat() for day in value}))
        case _:
            return str(value)
