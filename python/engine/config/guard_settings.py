"""What the tables [guard] and [alerts] come to, in the terms of the decisions."""

from __future__ import annotations

from decimal import Decimal

from engine.config.guard_table import AlertsTable, GuardTable
from engine.core.alerting import AlertSettings
from engine.core.dead_man import DeadManSettings

SECOND_NS = 1_000_000_000


def dead_man_settings(table: GuardTable) -> DeadManSettings:
    """`ValueError` if a severer step would come before a milder one."""
    return DeadManSettings(
        tell_after_ns=_span(table.heartbeat_tell_s),
        halt_after_ns=_span(table.heartbeat_halt_s),
        kill_after_ns=_span(table.heartbeat_kill_s),
    )


def alert_settings(table: AlertsTable) -> AlertSettings:
    return AlertSettings(
        repeat_after_ns=_span(table.repeat_after_s), messages_per_minute=table.messages_per_minute, reserved=3
    )


def _span(seconds: float) -> int | None:
    """Nanoseconds; None for 0, which is never."""
    return int(Decimal(repr(seconds)) * SECOND_NS) or None
