"""What the two ways of following one account's worth share: what is read and how, and when all has to begin anew. Pure.

With a stream of profit and loss it is `account_equity`, without one `reported_equity`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from decimal import Context, Decimal

import msgspec

from engine.core.books import Jump
from engine.core.known import Fact

EXACT = Context(prec=120)  # sums and products of the broker's numbers are never rounded
SECOND_NS = 1_000_000_000
_AMOUNT_MAX = Decimal(10) ** 15


def plausible(amount: Decimal) -> bool:
    """A number that money can be: finite, and not one of those that stand for something else."""
    return amount.is_finite() and abs(amount) < _AMOUNT_MAX


class Equity(msgspec.Struct, frozen=True):
    """Of an account, or of all accounts of a login. `settled` False: moved by something that the next report has to
    confirm; good enough to measure a loss, not to measure later losses from."""

    amount: Decimal
    currency: str
    settled: bool = True


class EquitySettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the broker's numbers are read.

    `refresh_ns`: a report that stays the same for this long has been made anew. `patience_ns`: so long a report that
    does not fit waits for profit and loss that explains it. `news_age_ns_max`: so old the last word of any kind may be,
    `report_age_ns_max` the last report; whoever reads the summary has to ask again in time, because TWS says nothing
    while nothing changes. `agree_pct`, `jump_pct`: of equity. `readings_max`: so many first readings that do not agree
    are a moving market, and no incomplete beginning.
    """

    refresh_ns: int = 180 * SECOND_NS
    patience_ns: int = 5 * SECOND_NS
    news_age_ns_max: int = 60 * SECOND_NS
    report_age_ns_max: int = 240 * SECOND_NS
    agree_pct: Decimal = Decimal("0.1")
    jump_pct: Decimal = Decimal("0.5")
    readings_max: int = 10


class FollowedAccount(ABC):
    """One account. While TWS calls it not ready nothing that is said of it counts."""

    def __init__(self, account: str, settings: EquitySettings) -> None:
        self._account, self._settings = account, settings
        self._ready = True
        self._jumps: list[Jump] = []
        self.forget("nothing was read yet")

    @abstractmethod
    def forget(self, why: str) -> None:
        """Begin from nothing."""
        self._why = why

    def use(self, settings: EquitySettings) -> None:
        self._settings = settings

    def be_ready(self, ready: bool) -> None:
        if not ready:
            self.forget("TWS says that the account is not ready")
        elif not self._ready:
            self.forget("nothing was read since the account is ready")
        self._ready = ready

    def take_jumps(self) -> tuple[Jump, ...]:
        """The jumps since the last time."""
        jumps, self._jumps = tuple(self._jumps), []
        return jumps

    @property
    @abstractmethod
    def tells_jumps(self) -> bool:
        """A jump would be told from now on."""

    @abstractmethod
    def read(self, now_ns: int) -> Fact[Equity]:
        """What it is worth, as of the broker's last word."""
