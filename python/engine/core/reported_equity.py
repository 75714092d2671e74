"""What one account is worth on a TWS that has no stream of profit and loss: its account updates alone. Pure; a state
machine.

There net liquidation and profit and loss come in one answer, which may be three minutes old. Two numbers that are made
in different ways tell of one movement: net liquidation moved, and profit and loss explain it. Where they do, equity is
the net liquidation. Where they do not, one of them is late, or money came in or went out: from a part of equity that
would matter on, equity is unknown until they tell the same again, or until the difference has stayed for longer than
either can be late. Then it is money that moved, and is told as a jump.

The first answer can be incomplete: nothing is known before two in a row that tell the same. TWS begins the day's
realized profit and loss anew at a time of its own; net liquidation, which stays, decides whether that was it.

Nothing here may read zero into what is missing, or take one number's word for a loss.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.core.books import Jump
from engine.core.followed import Equity, FollowedAccount, plausible
from engine.core.known import Fact, Known, Unknown


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer; None: the broker left it blank or unset, or did not say."""

    net_liquidation: Decimal | None
    currency: str
    unrealized: Decimal | None
    realized: Decimal | None


class _Numbers(msgspec.Struct, frozen=True):
    """A report in which nothing is missing."""

    net: Decimal
    currency: str
    unrealized: Decimal
    realized: Decimal
    at_ns: int


class _Apart(msgspec.Struct, frozen=True):
    """Net liquidation moved by so much more than profit and loss, and it has stayed so."""

    amount: Decimal
    since_ns: int


class ReportedEquity(FollowedAccount):
    """Follows one account."""

    def forget(self, why: str) -> None:
        """Begin from nothing."""
        super().forget(why)
        self._first: _Numbers | None = None  # a beginning that no second answer has confirmed
        self._base: _Numbers | None = None  # the last report whose numbers told the same
        self._last: _Numbers | None = None
        self._apart: _Apart | None = None

    @property
    def tells_jumps(self) -> bool:
        """A jump would be told from now on."""
        return self._base is not None

    def answered(self, report: Report, now_ns: int) -> None:
        """All that TWS says of the account's worth."""
        if not self._ready:
            return
        new = _complete(report, now_ns)
        if new is None:
            self.forget("the broker reports no net liquidation, or no profit and loss")
            return
        if self._last is not None and self._last.currency != new.currency:
            self.forget("its currency changed")
        self._last = new
        if self._base is not None:
            self._hold_against(self._base, new)
        elif self._first is None or self._much(_unexplained(self._first, new), self._settings.agree_pct):
            self._first = new
        else:
            self._base = new

    def _hold_against(self, base: _Numbers, new: _Numbers) -> None:
        """Do the numbers tell the same since the last report in which they did?"""
        amount = _unexplained(base, new)
        if not self._much(amount, self._settings.agree_pct):
            self._base, self._apart = new, None
            return
        if self._apart is None or self._much(amount - self._apart.amount, self._settings.agree_pct):
            self._apart = _Apart(amount, new.at_ns)
        if new.at_ns - self._apart.since_ns >= self._settings.refresh_ns + self._settings.patience_ns:
            if self._much(amount, self._settings.jump_pct):
                self._jumps.append(Jump(amount=amount, currency=new.currency, at_ns=new.at_ns))
            self._base, self._apart = new, None

    def _much(self, amount: Decimal, pct: Decimal) -> bool:
        """More than this part of what the account is worth."""
        assert self._last is not None
        return abs(amount) * 100 > abs(self._last.net) * pct

    def read(self, now_ns: int) -> Fact[Equity]:
        """What it is worth, as of the broker's last word."""
        if self._last is None:
            return Unknown(f"{self._account}: {self._why}")
        if self._base is None:
            return Unknown(f"{self._account}: no two reports of its worth and its profit and loss agree yet")
        age_ns = now_ns - self._last.at_ns
        if age_ns > self._settings.news_age_ns_max:
            return Unknown(f"{self._account}: nothing was heard for {age_ns // 1_000_000_000} s")
        apart = self._apart
        if apart is not None and self._much(apart.amount, self._settings.jump_pct):
            return Unknown(
                f"{self._account}: net liquidation moved by {apart.amount:,.2f} {self._last.currency} more than profit "
                f"and loss, which this TWS tells every three minutes: one of them is late, or money moved"
            )
        return Known(Equity(self._last.net, self._last.currency, apart is None), self._last.at_ns)


def _complete(report: Report, now_ns: int) -> _Numbers | None:
    net, unrealized, realized = report.net_liquidation, report.unrealized, report.realized
    if net is None or unrealized is None or realized is None or not report.currency:
        return None
    if not (plausible(net) and plausible(unrealized) and plausible(realized)):
        return None
    return _Numbers(net, report.currency, unrealized, realized, now_ns)


def _unexplained(before: _Numbers, after: _Numbers) -> Decimal:
    """How much further net liquidation moved than profit and loss; if what is realized began anew, since then."""
    moved = after.net - before.net - (after.unrealized - before.unrealized)
    as_fill, as_reset = moved - (after.realized - before.realized), moved - after.realized
    return min(as_fill, as_reset, key=abs) if after.realized != before.realized else as_fill
