"""What holds where nobody has configured anything. These numbers were decided: none changes by accident."""

from __future__ import annotations

from datetime import time

import msgspec
import pytest

from core.limit_worlds import D
from engine.core.alerting import STANDING_MAX, Alert, Alerting, AlertSettings, Severity, Standing
from engine.core.books import Baseline, Books, Flow, Jump
from engine.core.dead_man import ENGINES_MAX, DeadManSettings, Engine
from engine.core.followed import Equity, EquitySettings
from engine.core.judgements import Gauge, Imposition, Judgement
from engine.core.kill.settings import KillSettings
from engine.core.limit_rules import Action, Lasting, Limit, LimitSettings, Rule
from engine.core.limit_views import LimitsView, LimitView
from engine.core.periods import PeriodClock
from engine.core.preflight.settings import Need, ProductLimits, Settings
from engine.core.watching import PATIENCE_MAX

MS, SECOND, DAY = 10**6, 10**9, 86_400 * 10**9

DECIDED: list[tuple[type[msgspec.Struct], dict[str, object]]] = [
    (
        EquitySettings,
        {
            "refresh_ns": 180 * SECOND,
            "patience_ns": 5 * SECOND,
            "news_age_ns_max": 60 * SECOND,
            "report_age_ns_max": 240 * SECOND,
            "agree_pct": D("0.1"),
            "jump_pct": D("0.5"),
            "readings_max": 10,
        },
    ),
    (
        KillSettings,
        {
            "deadline_ns": 120 * SECOND,
            "connect_patience_ns": 12 * SECOND,
            "refused_patience_ns": 5 * SECOND,
            "quarantine_ns": 0,
            "take_over_ns": 3 * SECOND,
            "survey_gap_first_ns": 40 * MS,
            "survey_gap_max_ns": 500 * MS,
            "executions_patience_ns": 1500 * MS,
            "unacknowledged_lost_ns": 4 * SECOND,
            "acknowledged_lost_ns": 45 * SECOND,
            "pending_patience_ns": 20 * SECOND,
            "proof_gap_ns": 400 * MS,
            "nothing_seen_ns": 2 * SECOND,
            "unwitnessed_ns": 20 * SECOND,
            "settle_ns": SECOND,
            "doubt_ns": 4 * SECOND,
            "reduced_lag_ns": 6 * SECOND,
            "expected_lag_ns": 10 * SECOND,
            "late_feed_ns": 20 * SECOND,
            "contradicted_ns": 90 * SECOND,
            "standing_feed_ns": 180 * SECOND,
            "gone_order_ns": 6 * SECOND,
            "stray_ns": 30 * SECOND,
            "cancel_again_ns": SECOND,
            "cancel_again_joined_ns": 4 * SECOND,
            "press_look_ns": SECOND,
            "cancel_new_ns": 100 * MS,
            "survey_gap_alive_ns": 150 * MS,
            "survey_age_alive_ns": 20 * MS,
            "orders_patience_ns": 8 * SECOND,
            "acknowledge_ns": 3 * SECOND,
            "acknowledge_slow_ns": 10 * SECOND,
            "resolve_patience_ns": 500 * MS,
            "exchange_patience_ns": 2 * SECOND,
            "short_options_first_ns": 5 * SECOND,
            "short_options_unsent_ns": 12 * SECOND,
            "price_patience_ns": 500 * MS,
            "reprice_ns": 2 * SECOND,
            "market_patience_ns": 5 * SECOND,
            "retry_first_ns": 500 * MS,
            "tries_max": 6,
            "takeover_settle_ns": SECOND,
            "nothing_shared_settle_ns": 1500 * MS,
            "nothing_shared_spread_ns": 3 * SECOND,
            "wrap_up_ns": 3 * SECOND,
            "clock_apart_ns": 5 * SECOND,
            "read_age_max_ns": 10 * SECOND,
        },
    ),
    (AlertSettings, {"repeat_after_ns": 300 * SECOND, "messages_per_minute": 20, "reserved": 3}),
    (
        DeadManSettings,
        {
            "tell_after_ns": 10 * SECOND,
            "halt_after_ns": 30 * SECOND,
            "kill_after_ns": None,
            "listening_gap_ns": 5 * SECOND,
        },
    ),
    (PeriodClock, {"rollover": time(17), "zone": "America/Chicago", "holidays": frozenset()}),
    (
        LimitSettings,
        {
            "rules": (  # the risk table of the emergency page
                Rule(Limit.DAILY, D(2), Action.HALT, Lasting.DAY),
                Rule(Limit.WEEKLY, D(5), Action.REDUCE_SIZE, Lasting.WEEK),
                Rule(Limit.MONTHLY, D(10), Action.HALT, Lasting.PAUSE),
                Rule(Limit.BREAKER, D(15), Action.KILL, Lasting.LIFTED),
            ),
            "size_factor": D("0.5"),
            "pause_ns": 7 * DAY,
            "everywhere": False,
            "blind_grace_ns": 30 * SECOND,
            "equity_age_ns_max": 60 * SECOND,
        },
    ),
    (
        Settings,
        {
            "futures": ProductLimits(account=D(10)),
            "options": ProductLimits(account=D(50)),
            "shares": ProductLimits(order=D(10_000)),
            "other": ProductLimits(order=D(1_000_000)),
            "deny_unlisted": False,
            "order_notional": None,
            "account_notional": None,
            "notional_currency": "USD",
            "allowed_symbols": frozenset(),
            "blocked_symbols": frozenset(),
            "grid": Need.WHEN_KNOWN,
            "collar": Need.WHEN_KNOWN,
            "collar_pct": D(10),
            "option_collar_pct": D(50),
            "collar_ticks": D(20),
            "reference_age_ns_max": 30 * SECOND,
            "session": Need.WHEN_KNOWN,
            "expiry": Need.WHEN_KNOWN,
            "expiry_days_min": 0,
            "position_age_ns_max": None,
            "duplicates_max": 2,
            "duplicate_window_ns": SECOND,
            "repeats_max": 30,
            "repeat_window_ns": 60 * SECOND,
            "orders_per_second_max": 40,
            "orders_per_minute_max": 300,
            "rate_breaches_max": 3,
        },
    ),
]


@pytest.mark.parametrize(("settings", "decided"), DECIDED, ids=lambda value: getattr(value, "__name__", ""))
def test_what_nobody_configured_is_as_it_was_decided(
    settings: type[msgspec.Struct], decided: dict[str, object]
) -> None:
    assert msgspec.structs.asdict(settings()) == decided


def test_what_is_kept_is_bounded() -> None:
    assert (STANDING_MAX, ENGINES_MAX, PATIENCE_MAX) == (1000, 64, 128)


def test_the_graver_the_greater() -> None:
    assert [(one.name, one.value) for one in Severity] == [("INFO", 1), ("WARNING", 2), ("CRITICAL", 3)]


def test_equity_is_settled_unless_something_moved_it() -> None:
    assert Equity(D(1), "USD").settled


def test_before_anything_was_told_nothing_waits() -> None:
    assert Alerting() == Alerting(standing={}, sent_ns=(), waiting=0)


def test_an_alert_stands_until_it_is_cleared() -> None:
    assert Alert(key="k", severity=Severity.INFO, title="K", text="").lasting


@pytest.mark.parametrize(
    "record", [Baseline, Books, Flow, Jump, Gauge, Imposition, Judgement, LimitView, LimitsView, Standing, Engine]
)
def test_what_is_not_said_in_the_books_or_in_a_judgement_is_nothing(record: type[msgspec.Struct]) -> None:
    fields = msgspec.structs.fields(record)
    said = [field.default for field in fields if field.default is not msgspec.NODEFAULT]
    assert all(value in (None, False, 0, (), "") for value in said)
