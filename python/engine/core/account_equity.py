"""What one account is worth: the broker's report of it, moved by the profit and loss since. Pure; a state machine.

Three things make that harder than a sum.

A report (NetLiquidation) comes at most every three minutes and may be that old when it comes. All that is certain is
that it was right at some moment since the report before it. So it is held against the *range* of the profit and loss
since then: if some moment in the range fits, it confirms what we have; if none does after a few seconds' patience
(profit and loss may come behind), equity moved as no profit or loss explains, and we follow the report. A move that is
large enough is told as a jump.

TWS begins the day's realized profit and loss anew at a time of its own. That looks like a loss of all that was
realized, or a gain. A reset leaves the unrealized part alone, a fill pays the one from the other: of the two
explanations the one with less of a jump is taken, and where that is the reset it stays in doubt until a report
decides. So a reset is never a loss, and a real loss that looked like one is late by one report at the most.

The first profit and loss updates can be incomplete. Two have to agree before anything is known. Where the report comes
behind both of them, what the next one brings may have happened before that report and be in it already: it is not
counted a second time, and stays in doubt until another report decides.

Nothing here may read zero into what is missing, or know anything while something is.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from engine.core.books import Jump
from engine.core.followed import SECOND_NS, Equity, FollowedAccount, plausible
from engine.core.known import Fact, Known, Unknown

ZERO = Decimal(0)
_CLEARLY = 4  # a reset is the better explanation if it leaves at most this part of the jump


class _Report(msgspec.Struct, frozen=True):
    """Net liquidation, and how far profit and loss had moved when it came."""

    amount: Decimal
    currency: str
    at_ns: int
    moved: Decimal


class _Profit(msgspec.Struct, frozen=True):
    unrealized: Decimal
    realized: Decimal

    @property
    def total(self) -> Decimal:
        return self.unrealized + self.realized


class _Doubt(msgspec.Struct, frozen=True):
    """What was assumed at `at_ns`: a reset, or that a move was in the report already. If it was not so, equity is lower
    by `realized`."""

    realized: Decimal
    at_ns: int


class AccountEquity(FollowedAccount):
    """Follows one account. Equity is `_base` plus the profit and loss moved since it was taken."""

    def forget(self, why: str) -> None:
        """Begin from nothing."""
        super().forget(why)
        self._report: _Report | None = None
        self._reviewed_amount: Decimal | None = None  # of the last report that was held against profit and loss
        self._profit: _Profit | None = None
        self._apart: Decimal | None = None  # what the last two readings of profit and loss differ by
        self._readings = 0
        self._base: Decimal | None = None
        self._first = True  # no report was held against profit and loss yet
        self._moved = self._lowest = self._highest = ZERO  # profit and loss, and its range since `_range_ns`
        self._range_ns = self._news_ns = 0
        self._ahead = False  # equity began with a report younger than all profit and loss
        self._unfit: _Report | None = None  # a report that no profit and loss explains so far
        self._doubt: _Doubt | None = None

    @property
    def tells_jumps(self) -> bool:
        """A jump would be told from now on: not before a report was held against profit and loss."""
        return self._base is not None and not self._first

    # what the broker says -------------------------------------------------------------------------------------------

    def reported(self, amount: Decimal | None, currency: str, now_ns: int) -> None:
        """A report of the account's worth."""
        if not self._ready:
            return
        if amount is None or not plausible(amount) or not currency:
            self.forget("the broker reports no net liquidation")
            return
        if self._report is not None and self._report.currency != currency:
            self.forget("its currency changed")
        self._report, self._news_ns = _Report(amount, currency, now_ns, self._moved), now_ns
        if self._base is None:
            self._begin(now_ns)
            self._ahead = self._base is not None
            return
        self._review(now_ns)
        anew = amount != self._reviewed_amount or now_ns - self._range_ns >= self._settings.refresh_ns
        if anew and self._unfit is None:
            self._unfit, self._reviewed_amount = self._report, amount
            self._review(now_ns)

    def moved(self, unrealized: Decimal | None, realized: Decimal | None, now_ns: int) -> None:
        """An update of its profit and loss."""
        if not self._ready:
            return
        if unrealized is None or realized is None or not (plausible(unrealized) and plausible(realized)):
            self.forget("the broker's profit and loss is unset")
            return
        before, self._profit, self._news_ns = self._profit, _Profit(unrealized, realized), now_ns
        self._readings += 1
        if before is None:
            return
        self._apart = abs(self._profit.total - before.total)
        if self._base is None:
            self._begin(now_ns)
            return
        step, reset = _step(before, self._profit)
        if self._ahead:
            self._ahead = False
            if self._much(step):
                self._base -= step
                self._doubt = _Doubt(-step, now_ns)
        self._moved += step
        self._lowest, self._highest = min(self._lowest, self._moved), max(self._highest, self._moved)
        if reset:
            self._doubt = _Doubt(reset + (self._doubt.realized if self._doubt else ZERO), now_ns)
        self._review(now_ns)

    def _begin(self, now_ns: int) -> None:
        """From here on equity is known, if there is a report and two readings that agree."""
        if self._report is None or self._apart is None:
            return
        near = not self._much(self._apart)
        if near or self._readings >= self._settings.readings_max:
            self._base, self._range_ns, self._reviewed_amount = self._report.amount, now_ns, self._report.amount

    def _much(self, amount: Decimal) -> bool:
        """More than what two readings that agree may differ by."""
        assert self._report is not None
        return abs(amount) * 100 > abs(self._report.amount) * self._settings.agree_pct

    # reports against profit and loss ----------------------------------------------------------------------------------

    def _review(self, now_ns: int) -> None:
        """Hold the report that is still open against the profit and loss since the one before."""
        report = self._unfit
        if report is None or self._base is None:
            return
        low, high = report.amount - self._highest, report.amount - self._lowest
        if low <= self._base <= high:
            if self._doubt and self._doubt.at_ns < self._range_ns:
                self._doubt = None  # the report is younger than the doubt, and a reset fits
            self._reviewed(report, now_ns)
        elif now_ns - report.at_ns >= self._settings.patience_ns:
            other, doubt = self._base - self._doubt.realized if self._doubt else self._base, None
            if not low <= other <= high:  # it is not that it was no reset
                other = low if self._base < low else high
                self._tell(report, other - self._base, now_ns)
                if self._first:  # one of many ways to make it fit: another report has to say so too
                    doubt = _Doubt(ZERO, now_ns)
            self._base, self._doubt = other, doubt
            self._reviewed(report, now_ns)

    def _tell(self, report: _Report, amount: Decimal, now_ns: int) -> None:
        """Equity moved without an explanation: tell if it is much. The first report may be older than all we know."""
        if not self._first and abs(amount) * 100 >= abs(report.amount) * self._settings.jump_pct:
            self._jumps.append(Jump(amount=amount, currency=report.currency, at_ns=now_ns))

    def _reviewed(self, report: _Report, now_ns: int) -> None:
        """Done with this report: the next one is at least as young."""
        self._unfit, self._first, self._range_ns = None, False, now_ns
        self._lowest, self._highest = sorted((report.moved, self._moved))

    # the answer -----------------------------------------------------------------------------------------------------

    def read(self, now_ns: int) -> Fact[Equity]:
        """What it is worth, as of the broker's last word."""
        self._review(now_ns)
        if self._report is None:
            return Unknown(f"{self._account}: {self._why}")
        if self._base is None:
            return Unknown(f"{self._account}: no two readings of profit and loss agree yet, of {self._readings}")
        for age_ns, age_ns_max, what in (
            (now_ns - self._news_ns, self._settings.news_age_ns_max, "nothing"),
            (now_ns - self._report.at_ns, self._settings.report_age_ns_max, "no net liquidation"),
        ):
            if age_ns > age_ns_max:
                return Unknown(f"{self._account}: {what} was heard for {age_ns // SECOND_NS} s")
        begun_late = self._first and self._moved > ZERO  # the first report may be older than the first profit and loss
        settled = self._doubt is None and self._unfit is None and not begun_late
        return Known(Equity(self._base + self._moved, self._report.currency, settled), self._news_ns)


def _step(before: _Profit, after: _Profit) -> tuple[Decimal, Decimal]:
    """How far profit and loss moved; and what had been realized before, if a reset explains it better than a fill."""
    change = after.unrealized - before.unrealized
    as_fill, as_reset = change + after.realized - before.realized, change + after.realized
    if before.realized and after.realized != before.realized and abs(as_reset) * _CLEARLY <= abs(as_fill):
        return as_reset, before.realized
    return as_fill, ZERO
