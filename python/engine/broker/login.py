"""One login kept connected: a link, its reads, and the view they feed. Asks again and again; never acts on its own.

A login does not reconnect by itself: its owner decides. While a kill uses the connection nothing is asked from here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Protocol

import msgspec

from engine.broker import translate
from engine.broker.account_updates import NET_LIQUIDATION, AccountUpdates
from engine.broker.failures import LinkFailure
from engine.broker.fan_out import Way
from engine.broker.inquiry import Complete, Outcome
from engine.broker.link import BROKER_BACK, Link, LinkSettings, Listener
from engine.broker.reads import Reads, answer
from engine.broker.view import AccountValues, Fact, Known, LoginView, Money, ProfitAndLoss, T, Unknown
from engine.core.equity import Report
from engine.core.facts import PositionFact, WorkingOrder
from engine.core.units import known
from engine.wire import replies
from engine.wire.errors import MessageUnavailable
from engine.wire.events import ClientEvent
from engine.wire.requests import (
    CancelAccountSummary,
    CancelPnL,
    ReqAccountSummary,
    ReqPnL,
)

TAGS = (
    "NetLiquidation,TotalCashValue,SettledCash,BuyingPower,EquityWithLoanValue,GrossPositionValue,"
    "InitMarginReq,MaintMarginReq,AvailableFunds,ExcessLiquidity,Cushion"
)
PNL_UPDATES_MIN = 2
PNL_SILENT_S_MAX = 30.0  # TWS says something at first, on a weekend too
PNL_IS_WHOLE_SINCE = 135  # server version; reqPnL came with 127, what was realized with 135
_BEHIND_THE_CANCEL_S = 0.01


class LoginSettings(msgspec.Struct, frozen=True, kw_only=True):
    """In seconds."""

    first_ask_s: float = 0.1  # after connecting: a kill that comes at once finds the line free
    refresh_s: float = 5.0  # between two readings of positions and orders
    hurry_s: float = 0.25  # after a sign that they have changed
    read_timeout_s: float = 5.0
    link: LinkSettings = LinkSettings(tcp_s=2.0, handshake_s=2.5, ready_s=3.0, probe_after_s=5.0, dead_after_s=20.0)
    link_in_need: LinkSettings = LinkSettings(probe_after_s=2.0, dead_after_s=6.0)  # while a kill uses it


class Audience(Protocol):
    """Who follows the readings of a login, each from before it begins. Sees what the view sees."""

    def mark(self) -> int:
        """A reading is about to begin; what is returned comes back with its outcome."""

    def positions_read(self, fact: Fact[tuple[PositionFact, ...]], mark: int) -> None: ...

    def orders_read(self, fact: Fact[tuple[WorkingOrder, ...]], mark: int) -> None: ...

    def doubt(self, why: str) -> None:
        """What was read is not known any more."""


class Accountant(Protocol):
    """Who follows what the accounts are worth, word by word as the broker says it."""

    def net_liquidation(self, account: str, amount: Decimal | None, currency: str) -> None:
        """None: blank, or unset."""

    def profit_and_loss(self, account: str, unrealized: Decimal | None, realized: Decimal | None) -> None: ...

    def account_report(self, account: str, report: Report) -> None:
        """On a TWS that does not stream profit and loss (`Login.streams_profit_and_loss`), and whenever asked for."""

    def account_ready(self, account: str, ready: bool) -> None: ...

    def link_down(self, why: str) -> None:
        """What TWS says from now on is not the broker's word; or it says nothing any more."""

    def link_up(self) -> None: ...

    def facts_changed(self) -> None:
        """Positions or working orders were read, or are not known any more."""


class Login:
    """A connected login. Make it with `open`; `link.failure` says when it has ended."""

    def __init__(self, link: Link, view: LoginView, wall_ns: Callable[[], int], settings: LoginSettings) -> None:
        self.link = link
        self.reads = Reads(link)
        self.view = view
        self.audience: Audience | None = None
        self.accountant: Accountant | None = None
        self._wall_ns = wall_ns
        self._settings = settings
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._suspended: str | None = None
        self._subscribed = False
        self._summary_id = 0
        self._values: AccountValues = {}
        self._pnl_accounts: dict[int, str] = {}
        self._pnl_updates: dict[int, int] = {}
        self._pnl_asked_s: dict[int, float] = {}
        self._daily: dict[str, Decimal | None] = {}  # where the rest of profit and loss is told elsewhere
        self._updates = AccountUpdates(link, self._account_ready, self._account_report, self._loop.time)
        self._listener = Listener(self._heard, self._lost)

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        client_id: int,
        *,
        view: LoginView,
        wall_ns: Callable[[], int],
        settings: LoginSettings,
    ) -> Login:
        """Connect. Raises LinkFailure. Nothing is asked before `keep_up_to_date`."""
        link = Link(host, port, client_id, settings.link)
        login = cls(link, view, wall_ns, settings)
        await link.connect()
        return login

    @property
    def way(self) -> Way:
        return Way(self.link, self.reads)

    def keep_up_to_date(self) -> None:
        """Begin to feed the view."""
        self.view.forget("not read yet")
        self.view.accounts = Known(self.link.accounts, self._wall_ns())
        self.link.listen(self._listener)
        self._schedule(self._settings.first_ask_s)

    async def refresh(self) -> None:
        """Read positions and working orders now, into the view."""
        if self._suspended is not None:
            return
        timeout_s = self._settings.read_timeout_s
        mark = self._mark()
        self._positions_read(mark, await answer(lambda then: self.reads.positions(then, timeout_s)))
        mark = self._mark()
        self._orders_read(mark, await answer(lambda then: self.reads.open_orders(then, timeout_s)))

    def suspend(self, why: str) -> None:
        """Somebody with more urgent business takes the connection over: ask nothing, let nothing wait."""
        self._suspended = why
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.view.positions = self.view.working_orders = Unknown(why)
        self._tell_doubt(why)
        self.reads.abandon_all(why)
        self.link.drop_waiting(why)
        self._loop.call_later(_BEHIND_THE_CANCEL_S, self.link.watch_closely, self._settings.link_in_need)

    def resume(self) -> None:
        """The connection is ours again."""
        self._suspended = None
        if self.link.up:
            self._schedule(0)

    def close(self, why: str) -> None:
        self._lost_because(why)
        self.link.forget(self._listener)
        self.link.close(why)

    def look_soon(self) -> None:
        """Something has been heard elsewhere that changes positions or orders."""
        self._schedule(self._settings.hurry_s)

    @property
    def in_use(self) -> bool:
        """Somebody with more urgent business has the connection."""
        return self._suspended is not None

    @property
    def streams_profit_and_loss(self) -> bool:
        """Once a second, and all of it. An older TWS tells it in its account updates alone, every three minutes."""
        return self.link.version >= PNL_IS_WHOLE_SINCE

    @property
    def worth_pushed(self) -> bool:
        """TWS has told of the accounts' worth of its own accord: it is time to ask."""
        return self._updates.pushed

    def ask_worth(self) -> None:
        """Have the account values told anew: TWS says nothing by itself while nothing changes. Profit and loss that TWS
        never told of is asked for once more; where it has, silence says that nothing changes."""
        if self._suspended is not None or not self.link.up or not self._subscribed:
            return
        if not self.streams_profit_and_loss:
            self._updates.ask()
        self.link.post(CancelAccountSummary(self._summary_id))
        self._subscribe_summary()
        if self.streams_profit_and_loss and self.link.broker_up:
            self._ask_silent_profits()

    def _ask_silent_profits(self) -> None:
        for req_id, account in list(self._pnl_accounts.items()):
            if req_id not in self._pnl_updates and self._loop.time() - self._pnl_asked_s[req_id] >= PNL_SILENT_S_MAX:
                self.link.post(CancelPnL(req_id))
                del self._pnl_accounts[req_id]
                self._subscribe_pnl(account)

    # --- asking ------------------------------------------------------------------------------------
    def _schedule(self, delay_s: float) -> None:
        if self._suspended is not None or not self.link.up:
            return
        if self._timer is not None:
            if self._timer.when() <= self._loop.time() + delay_s:
                return
            self._timer.cancel()
        self._timer = self._loop.call_later(delay_s, self._ask)

    def _ask(self) -> None:
        self._timer = None
        if not self._subscribed:
            self._subscribe()
        mark = self._mark()
        self.reads.positions(partial(self._positions_read, mark), self._settings.read_timeout_s)
        self.reads.open_orders(partial(self._orders_read, mark), self._settings.read_timeout_s)
        self._schedule(self._settings.refresh_s)

    def _mark(self) -> int:
        return 0 if self.audience is None else self.audience.mark()

    def _positions_read(self, mark: int, outcome: Outcome[tuple[PositionFact, ...]]) -> None:
        if self.link.up and self._suspended is None:
            self.view.positions = self._fact(outcome)
            if self.audience is not None:
                self.audience.positions_read(self.view.positions, mark)
            if self.accountant is not None:
                self.accountant.facts_changed()

    def _orders_read(self, mark: int, outcome: Outcome[tuple[WorkingOrder, ...]]) -> None:
        if self.link.up and self._suspended is None:
            self.view.working_orders = self._fact(outcome)
            if self.audience is not None:
                self.audience.orders_read(self.view.working_orders, mark)
            if self.accountant is not None:
                self.accountant.facts_changed()

    def _tell_doubt(self, why: str) -> None:
        if self.audience is not None:
            self.audience.doubt(why)

    def _fact(self, outcome: Outcome[T]) -> Fact[T]:
        if not isinstance(outcome, Complete):
            return Unknown(outcome.why)
        if outcome.broker_down:
            return Unknown("TWS has lost its link to IBKR: what it shows comes from its memory")
        return Known(outcome.value, self._wall_ns())

    def _subscribe(self) -> None:
        self._subscribed = True
        self._subscribe_summary()
        self._subscribe_pnl()
        self._subscribe_updates()

    def _subscribe_updates(self) -> None:
        """Only they tell whether TWS vouches for its values."""
        if self.accountant is not None:
            self._updates.begin()

    def _subscribe_summary(self) -> None:
        self._summary_id = self.link.take_id()
        self.link.post(ReqAccountSummary(self._summary_id, "All", TAGS))

    def _subscribe_pnl(self, *accounts: str) -> None:
        """Of all accounts, or of these."""
        for account in accounts or self.link.accounts:
            req_id = self.link.take_id()
            self._pnl_accounts[req_id], self._pnl_asked_s[req_id] = account, self._loop.time()
            self.view.profit_and_loss[account] = Unknown("not told yet")
            try:
                self.link.post(ReqPnL(req_id, account))
            except MessageUnavailable as too_old:
                if self.accountant is None:  # else the account updates tell it
                    self.view.profit_and_loss[account] = Unknown(str(too_old))

    # --- hearing -----------------------------------------------------------------------------------
    def _heard(self, event: ClientEvent) -> None:
        match event:
            case replies.OrderStatus() | replies.Execution() if not self.reads.reading:
                self.look_soon()
            case replies.AccountSummary() if event.req_id == self._summary_id:
                self._take_value(event)
            case replies.AccountSummaryEnd() if event.req_id == self._summary_id:
                self._publish_values()
            case replies.PnL() if event.req_id in self._pnl_accounts:
                self._take_pnl(event)
            case (
                replies.AccountValue()
                | replies.AccountUpdateMulti()
                | replies.AccountDownloadEnd()
                | replies.AccountUpdateMultiEnd()
            ):
                self._updates.hear(event)
            case replies.ErrorMessage() if event.code in BROKER_BACK:
                self._back()
            case replies.ErrorMessage() if not self.link.broker_up:
                self._doubt(f"TWS has lost its link to IBKR ({self.link.broker_code})")
            case replies.ErrorMessage() if event.req_id == self._summary_id and self._summary_id:
                self.view.account_values = Unknown(f"{event.text} ({event.code})")
            case replies.ErrorMessage() if event.req_id in self._pnl_accounts:
                self.view.profit_and_loss[self._pnl_accounts[event.req_id]] = Unknown(f"{event.text} ({event.code})")

    def _take_value(self, row: replies.AccountSummary) -> None:
        complete = isinstance(self.view.account_values, Known)
        amount = translate.amount(row.value)
        if row.tag == NET_LIQUIDATION and self.accountant is not None:
            self.accountant.net_liquidation(row.account, amount, row.currency)
        if amount is not None:
            self._values.setdefault(row.account, {})[row.tag] = Money(amount, row.currency)
        if complete:
            self._publish_values()

    def _publish_values(self) -> None:
        values = {account: dict(by_tag) for account, by_tag in self._values.items()}
        self.view.account_values = Known(values, self._wall_ns())

    def _take_pnl(self, reply: replies.PnL) -> None:
        """The first update after a subscription can be incomplete: it takes a second one to know."""
        seen = self._pnl_updates.get(reply.req_id, 0) + 1
        self._pnl_updates[reply.req_id] = seen
        account = self._pnl_accounts[reply.req_id]
        if not self.streams_profit_and_loss and self.accountant is not None:
            self._daily[account] = known(reply.daily)
            return
        if self.accountant is not None:
            self.accountant.profit_and_loss(account, known(reply.unrealized), known(reply.realized))
        if seen < PNL_UPDATES_MIN:
            self.view.profit_and_loss[account] = Unknown("the first update can be incomplete; waiting for another")
            return
        numbers = ProfitAndLoss(known(reply.daily), known(reply.unrealized), known(reply.realized))
        self.view.profit_and_loss[account] = Known(numbers, self._wall_ns())

    def _account_ready(self, account: str, ready: bool) -> None:
        if self.accountant is not None:
            self.accountant.account_ready(account, ready)

    def _account_report(self, account: str, report: Report) -> None:
        if self.streams_profit_and_loss:
            return
        numbers = ProfitAndLoss(self._daily.get(account), report.unrealized, report.realized)
        self.view.profit_and_loss[account] = Known(numbers, self._wall_ns())
        if self.accountant is not None:
            self.accountant.account_report(account, report)

    def _doubt(self, why: str) -> None:
        """What was read stays behind; positions and orders are read anew as soon as the link is back."""
        self.view.positions = self.view.working_orders = self.view.account_values = Unknown(why)
        self.view.profit_and_loss = dict.fromkeys(self.view.profit_and_loss, Unknown(why))
        self._pnl_updates.clear()
        self._tell_doubt(why)
        if self.accountant is not None:
            self.accountant.link_down(why)

    def _back(self) -> None:
        """TWS has its link again. It may have lost our subscriptions (1101): they are made anew, the old ones ended."""
        if self.accountant is not None:
            self.accountant.link_up()
        if not self._subscribed:
            return
        if self._suspended is not None:
            self._subscribed = False  # as soon as it is ours again
            self._end_profits()
            return
        self.link.post(CancelAccountSummary(self._summary_id))
        self._subscribe_summary()
        for req_id in self._pnl_accounts:
            self.link.post(CancelPnL(req_id))
        self._end_profits()
        self._subscribe_pnl()
        self._subscribe_updates()
        self._schedule(0)

    def _end_profits(self) -> None:
        self._pnl_accounts.clear()
        self._pnl_updates.clear()
        self._pnl_asked_s.clear()

    def _lost(self, failure: LinkFailure) -> None:
        self._lost_because(failure.text)

    def _lost_because(self, why: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self.view.forget(why)
        self._tell_doubt(why)
        if self.accountant is not None:
            self.accountant.link_down(why)
