"""What judging a login's equity against its limits comes to: breaches, restrictions, gauges. Data only."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.core.books import Baseline, Books
from engine.core.limit_rules import Action, Limit
from engine.core.restrictions import Cause, Kind, Restriction, Scope


class Breach(msgspec.Struct, frozen=True, kw_only=True):
    """A limit was crossed, with its evidence. `loss` and `allowed` in money; `since_ns`: when the baseline was set."""

    limit: Limit
    action: Action
    period_id: str
    baseline: Decimal
    net_deposits: Decimal
    unexplained: Decimal
    equity: Decimal
    currency: str
    loss: Decimal
    allowed: Decimal
    limit_pct: Decimal
    since_ns: int
    at_ns: int


class Imposition(msgspec.Struct, frozen=True, kw_only=True):
    """A restriction to be imposed. `everywhere`: on every login. `cancel`: working orders that add risk go too."""

    kind: Kind
    cause: Cause
    until_ns: int | None
    size_factor: Decimal
    reason: str
    everywhere: bool = False
    cancel: bool = False

    def restriction(self, *, id_: str, scope: Scope, since_ns: int, actor: str) -> Restriction:
        return Restriction(
            id=id_,
            scope=scope,
            kind=self.kind,
            cause=self.cause,
            since_ns=since_ns,
            until_ns=self.until_ns,
            actor=actor,
            reason=self.reason,
            size_factor=self.size_factor,
            cancel=self.cancel,
        )


class Gauge(msgspec.Struct, frozen=True, kw_only=True):
    """One limit for display. `unknown`: why there is nothing to show; then all numbers are None.

    `used` is the part of `allowed` that is lost (1: crossed; never below 0); `left` is what may still be lost.
    """

    limit: Limit
    action: Action
    limit_pct: Decimal
    acted: bool = False
    period_id: str = ""
    baseline: Decimal | None = None
    loss: Decimal | None = None
    allowed: Decimal | None = None
    left: Decimal | None = None
    used: Decimal | None = None
    unknown: str = ""


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be written down and done, in this order; `books` are those after it.

    `baselines` were set now, the peak's each time it rises. `kill`: the kill switch is to be pulled. `blind_since_ns`:
    the login becomes blind now (the restriction is among `impositions`); `sees_again`: its blind restriction is to be
    lifted. `unknown`: everything that is not known at the moment, whether the grace has passed or not.
    """

    books: Books
    baselines: tuple[Baseline, ...] = ()
    breaches: tuple[Breach, ...] = ()
    impositions: tuple[Imposition, ...] = ()
    kill: bool = False
    blind_since_ns: int | None = None
    sees_again: bool = False
    unknown: tuple[str, ...] = ()
    gauges: tuple[Gauge, ...] = ()
