"""What one login is worth right now, by what its broker says: known since a moment, or unknown for a reason. Pure.

All accounts have to be known, in one currency, none of them older than it may be. After anything that breaks the
stream (a lost link, an account that is not ready, a value that is unset) an account begins from nothing: one report
and two profit and loss readings that agree. How one account is followed is in `account_equity`; on a TWS that has no
stream of profit and loss, in `reported_equity`.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext

import msgspec

from engine.core.account_equity import AccountEquity
from engine.core.books import Jump
from engine.core.followed import EXACT, Equity, EquitySettings, FollowedAccount
from engine.core.known import Fact, Known, Unknown
from engine.core.reported_equity import Report, ReportedEquity

__all__ = ["Equity", "EquitySettings", "EquityTracker", "Reading", "Report"]


class Reading(msgspec.Struct, frozen=True):
    """The equity, and the jumps found since the last reading. They belong into the books before it is judged."""

    equity: Fact[Equity]
    jumps: tuple[Jump, ...] = ()


class EquityTracker:
    """Follows one login. What is told of accounts that are not its own (a sum over "All") is not used. `by_reports`:
    TWS has no whole stream of profit and loss, and nothing but its whole answers is used.
    """

    def __init__(
        self, accounts: Iterable[str], settings: EquitySettings | None = None, *, by_reports: bool = False
    ) -> None:
        chosen = settings or EquitySettings()
        made = ReportedEquity if by_reports else AccountEquity
        self._accounts: dict[str, FollowedAccount] = {account: made(account, chosen) for account in accounts}
        self._down = ""

    def use(self, settings: EquitySettings) -> None:
        """Read the broker's numbers by these settings from now on."""
        for account in self._accounts.values():
            account.use(settings)

    def link_down(self, why: str) -> None:
        """From now on nothing that TWS says is the broker's word, and what it said before is old."""
        self._down = why
        for account in self._accounts.values():
            account.be_ready(True)  # TWS says anew when it is not
            account.forget(f"nothing was read since {why}")

    def link_up(self) -> None:
        """The broker speaks again. Nothing is known until it has."""
        self._down = ""

    def account_ready(self, account: str, ready: bool) -> None:
        """What TWS says of `accountReady`: while it is not, its values may be wrong."""
        if account in self._accounts:
            self._accounts[account].be_ready(ready)

    def net_liquidation(self, account: str, amount: Decimal | None, currency: str, now_ns: int) -> None:
        """A row of the account summary; None: the broker left it blank or unset."""
        followed = self._accounts.get(account)
        if isinstance(followed, AccountEquity) and not self._down:
            with localcontext(EXACT):
                followed.reported(amount, currency, now_ns)

    def profit_and_loss(self, account: str, unrealized: Decimal | None, realized: Decimal | None, now_ns: int) -> None:
        """An update of reqPnL. Daily profit and loss is of no use here: TWS begins it anew at a time of its own."""
        followed = self._accounts.get(account)
        if isinstance(followed, AccountEquity) and not self._down:
            with localcontext(EXACT):
                followed.moved(unrealized, realized, now_ns)

    def answered(self, account: str, report: Report, now_ns: int) -> None:
        """A whole answer of the account updates."""
        followed = self._accounts.get(account)
        if isinstance(followed, ReportedEquity) and not self._down:
            with localcontext(EXACT):
                followed.answered(report, now_ns)

    @property
    def tells_jumps(self) -> bool:
        """Money that moves from now on would be told as a jump, on every account."""
        return bool(self._accounts) and all(account.tells_jumps for account in self._accounts.values())

    def read(self, now_ns: int) -> Reading:
        """What the login is worth now."""
        with localcontext(EXACT):
            facts = [account.read(now_ns) for account in self._accounts.values()]
            jumps = tuple(jump for account in self._accounts.values() for jump in account.take_jumps())
            return Reading(Unknown(self._down) if self._down else _together(facts), jumps)


def _together(facts: list[Fact[Equity]]) -> Fact[Equity]:
    """The sum of the accounts, as old as the oldest of them."""
    known = [fact for fact in facts if isinstance(fact, Known)]
    if len(known) < len(facts):
        return Unknown("; ".join(fact.why for fact in facts if isinstance(fact, Unknown)))
    if not known:
        return Unknown("no account of this login is known")
    currencies = sorted({fact.value.currency for fact in known})
    if len(currencies) > 1:
        return Unknown(f"the accounts have different base currencies ({', '.join(currencies)}): they cannot be added")
    amount = sum((fact.value.amount for fact in known), Decimal(0))
    settled = all(fact.value.settled for fact in known)
    return Known(Equity(amount, currencies[0], settled), min(fact.at_ns for fact in known))
