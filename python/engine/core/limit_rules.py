"""What the loss limits are: how large a loss, measured from where, and what happens then. Data only.

The defaults are those of the printed page. A rule here says nothing about what has been lost: that is in `limits`.
"""

from __future__ import annotations

from decimal import Decimal
from enum import Enum

import msgspec

from engine.core.periods import DAY_NS, Period
from engine.core.restrictions import Cause

SECOND_NS = 1_000_000_000


class Basis(Enum):
    """What a loss is measured from."""

    DAY = "day"  # equity at the beginning of the trading day
    WEEK = "week"
    MONTH = "month"
    PEAK = "peak"  # the highest equity since the login was armed

    @property
    def period(self) -> Period | None:
        """The period that begins anew; None: the peak knows none."""
        return None if self is Basis.PEAK else Period(self.value)


class Limit(Enum):
    """The limits there are, mildest first. The values are those of the restriction's cause."""

    DAILY = "daily_loss"
    WEEKLY = "weekly_loss"
    MONTHLY = "monthly_loss"
    BREAKER = "circuit_breaker"

    @property
    def basis(self) -> Basis:
        return _BASES[self]

    @property
    def cause(self) -> Cause:
        return Cause(self.value)


_BASES = dict(zip(Limit, Basis, strict=True))


class Action(Enum):
    """What happens when a limit is crossed, mildest first."""

    ALERT = "alert"  # it is written down and told, and binds nobody
    REDUCE_SIZE = "reduce_size"  # every size limit is multiplied by the factor
    REDUCE_ONLY = "reduce_only"  # nothing that adds risk; working orders that would are cancelled
    HALT = "halt"  # the same, and only an override ends it early
    KILL = "kill"  # every order cancelled, every position closed, then shut down until reset and armed


class Lasting(Enum):
    """How long it holds, shortest first. A kill's shutdown always holds until it is lifted."""

    DAY = "day"  # until the next trading day begins
    WEEK = "week"
    MONTH = "month"
    PAUSE = "pause"  # for a number of days from the breach
    LIFTED = "lifted"  # until a person lifts it


class Rule(msgspec.Struct, frozen=True):
    """A loss of `loss_pct` percent, or more, crosses it."""

    limit: Limit
    loss_pct: Decimal
    action: Action
    lasting: Lasting


class LimitSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All limits of a login. `everywhere`: what one login loses restricts every login."""

    rules: tuple[Rule, ...] = (
        Rule(Limit.DAILY, Decimal(2), Action.HALT, Lasting.DAY),
        Rule(Limit.WEEKLY, Decimal(5), Action.REDUCE_SIZE, Lasting.WEEK),
        Rule(Limit.MONTHLY, Decimal(10), Action.HALT, Lasting.PAUSE),
        Rule(Limit.BREAKER, Decimal(15), Action.KILL, Lasting.LIFTED),
    )
    size_factor: Decimal = Decimal("0.5")
    pause_ns: int = 7 * DAY_NS
    everywhere: bool = False
    blind_grace_ns: int = 30 * SECOND_NS
    equity_age_ns_max: int = 60 * SECOND_NS

    def __post_init__(self) -> None:
        if sorted(rule.limit.value for rule in self.rules) != sorted(limit.value for limit in Limit):
            raise ValueError("each limit needs exactly one rule")
        if not all(rule.loss_pct.is_finite() and 0 < rule.loss_pct <= 100 for rule in self.rules):
            raise ValueError("a limit is a loss of more than 0 and at most 100 percent")
        if not (self.size_factor.is_finite() and 0 <= self.size_factor < 1):
            raise ValueError("a size factor that reduces is at least 0 and less than 1")
        if self.pause_ns <= 0 or self.blind_grace_ns < 0 or self.equity_age_ns_max <= 0:
            raise ValueError("a pause and an age are positive, a grace is not negative")
