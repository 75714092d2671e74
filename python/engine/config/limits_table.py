"""The table [limits] of quant-engine.toml: what may be lost, and what happens then. Data only.

The descriptions are the documentation. What the values come to is in `limit_settings`; that they are not loosened in
the file without a reason is seen to by `engine.core.limit_changes`.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta

Percent: TypeAlias = Annotated[float, Meta(gt=0, le=100)]
ActionWord: TypeAlias = Literal["alert", "reduce_size", "reduce_only", "halt", "kill"]
UntilWord: TypeAlias = Literal["day", "week", "month", "pause", "lifted"]
AGE_S_MAX = 3_600


class LimitsTable(msgspec.Struct, frozen=True, kw_only=True):
    """What each login may lose, and what happens then. A looser value holds only with a reason: `qe limits set`."""

    daily_loss_pct: Annotated[
        Percent,
        Meta(
            description="Loss since the trading day began, in percent of the equity it began with. A loss of exactly "
            "the limit crosses it."
        ),
    ] = 2.0
    daily_action: Annotated[
        ActionWord,
        Meta(
            description='What happens then. "alert": it is told and recorded. "reduce_size": size limits are '
            'multiplied by size_factor. "reduce_only": nothing that adds risk, working orders that would are '
            'cancelled. "halt": the same, and ending it early takes an override. "kill": every order cancelled, every '
            "position closed, then shut down until somebody resets and arms."
        ),
    ] = "halt"
    daily_until: Annotated[
        UntilWord,
        Meta(
            description='Until when: the end of the trading "day", "week" or "month", after pause_days ("pause"), or '
            'until somebody lifts it ("lifted"). A kill always waits to be lifted.'
        ),
    ] = "day"
    weekly_loss_pct: Annotated[Percent, Meta(description="The same for the week of trading days.")] = 5.0
    weekly_action: Annotated[ActionWord, Meta(description="The same words as for the day.")] = "reduce_size"
    weekly_until: Annotated[UntilWord, Meta(description="The same words as for the day.")] = "week"
    monthly_loss_pct: Annotated[Percent, Meta(description="The same for the month of trading days.")] = 10.0
    monthly_action: Annotated[ActionWord, Meta(description="The same words as for the day.")] = "halt"
    monthly_until: Annotated[UntilWord, Meta(description="The same words as for the day.")] = "pause"
    breaker_loss_pct: Annotated[
        Percent,
        Meta(
            description="The circuit breaker: fall from the highest equity since the login was armed, in percent of it."
        ),
    ] = 15.0
    breaker_action: Annotated[ActionWord, Meta(description="The same words as for the day.")] = "kill"
    breaker_until: Annotated[UntilWord, Meta(description="The same words as for the day.")] = "lifted"
    size_factor: Annotated[
        Annotated[float, Meta(ge=0, lt=1)],
        Meta(description="What reduce_size multiplies size limits by, rounded down: half of one contract is none."),
    ] = 0.5
    pause_days: Annotated[
        Annotated[float, Meta(ge=0.01, le=366)],
        Meta(description="How long a pause is, in days of 24 hours from the breach."),
    ] = 7.0
    everywhere: Annotated[
        bool, Meta(description="true: what one of them loses restricts all of them. A kill then closes all of them.")
    ] = False
    blind_after_s: Annotated[
        Annotated[float, Meta(ge=0, le=AGE_S_MAX)],
        Meta(
            description="After so many seconds without knowing equity or positions it is halted, until they are known."
        ),
    ] = 30.0
    stale_after_s: Annotated[
        Annotated[float, Meta(ge=1, le=AGE_S_MAX)],
        Meta(description="What the broker said longer ago than this is not known any more."),
    ] = 60.0
    rollover: Annotated[
        Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]\Z")],
        Meta(
            description="When the trading day ends, on the clock on the wall. Before 12:00 it ends the day before. "
            "From Friday's end on it is Monday."
        ),
    ] = "17:00"
    time_zone: Annotated[
        Annotated[str, Meta(min_length=1)], Meta(description="Where that clock hangs: an IANA name.")
    ] = "America/Chicago"
    holidays: Annotated[
        tuple[datetime.date, ...],
        Meta(
            description="Days that are no trading days of their own and belong to the next one, "
            "such as [2026-12-25, 2027-01-01]."
        ),
    ] = ()
