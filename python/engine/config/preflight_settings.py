"""What the table [preflight] comes to: the settings that orders are held against."""

from __future__ import annotations

from decimal import Decimal

from engine.config.preflight_table import PreflightTable
from engine.core.preflight.settings import SECOND_NS, Need, ProductLimits, Settings


def preflight_settings(table: PreflightTable) -> Settings:
    """The settings. Numbers are taken as they were written: 0.1 is a tenth."""
    return Settings(
        futures=ProductLimits(_limit(table.max_futures), _limit(table.max_order_futures)),
        options=ProductLimits(_limit(table.max_options), _limit(table.max_order_options)),
        shares=ProductLimits(_limit(table.max_shares), _limit(table.max_order_shares)),
        other=ProductLimits(_limit(table.max_other), _limit(table.max_order_other)),
        deny_unlisted=table.deny_unlisted,
        order_notional=_limit(table.max_order_notional),
        account_notional=_limit(table.max_account_notional),
        notional_currency=table.notional_currency,
        allowed_symbols=frozenset(table.allowed_symbols),
        blocked_symbols=frozenset(table.blocked_symbols),
        grid=Need(table.grid),
        collar=Need(table.collar),
        collar_pct=_decimal(table.collar_pct),
        option_collar_pct=_decimal(table.option_collar_pct),
        collar_ticks=_decimal(table.collar_ticks),
        reference_age_ns_max=_ns(table.reference_age_s),
        session=Need(table.session),
        expiry=Need(table.expiry),
        expiry_days_min=table.expiry_days,
        position_age_ns_max=None if table.position_age_s == "none" else _ns(table.position_age_s),
        duplicates_max=table.duplicates_max,
        duplicate_window_ns=_ns(table.duplicate_window_s),
        repeats_max=table.repeats_max,
        repeat_window_ns=_ns(table.repeat_window_s),
        orders_per_second_max=table.orders_per_second,
        orders_per_minute_max=table.orders_per_minute,
        rate_breaches_max=table.rate_breaches,
    )


def _limit(value: float | str) -> Decimal | None:
    return None if isinstance(value, str) else _decimal(value)


def _decimal(number: float) -> Decimal:
    return Decimal(repr(number))


def _ns(seconds: float) -> int:
    return int(_decimal(seconds) * SECOND_NS)
