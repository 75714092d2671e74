"""The account updates of one login: does TWS vouch for its values, and what are the accounts worth, answer by answer?

TWS tells of one account at a time without a request id, and by request id since server version 103; a login of several
accounts at an older one has them asked for one after the other. What TWS pushes has no end, so only what was asked for
counts as a whole answer, and a push is a reason to ask. One question at a time: who asks too often is not heard.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from engine.broker import translate
from engine.broker.link import Link
from engine.core.equity import Report
from engine.wire import replies
from engine.wire.errors import MessageUnavailable
from engine.wire.events import ClientEvent
from engine.wire.requests import CancelAccountUpdatesMulti, ReqAccountUpdates, ReqAccountUpdatesMulti

NET_LIQUIDATION = "NetLiquidation"
UNREALIZED, REALIZED = "UnrealizedPnL", "RealizedPnL"
ACCOUNT_READY = "AccountReady"
IN_ALL = "BASE"  # how TWS names the sum over all currencies
ANSWER_S_MAX = 10.0  # then a question is taken to be lost

Heard = Callable[[str, Report], None]


class AccountUpdates:
    """`ready` is told what TWS says of `AccountReady`; `heard` every whole answer. Either may be empty."""

    def __init__(
        self, link: Link, ready: Callable[[str, bool], None], heard: Heard, now_s: Callable[[], float]
    ) -> None:
        self._link = link
        self._ready = ready
        self._heard = heard
        self._now_s = now_s
        self._by_id: dict[int, str] = {}
        self._one = ""  # the account that is told of without a request id
        self._to_ask: list[str] = []
        self._open: dict[str, dict[tuple[str, str], str]] = {}  # what was heard of an answer that has not ended
        self._asked_s = 0.0
        self.pushed = False  # TWS has said something new of its own accord since the last question

    def begin(self) -> None:
        """On a connection that knows of no subscription, or has lost them."""
        self._one = ""
        self._ask()

    def ask(self) -> None:
        """Have everything told anew."""
        if self._open and self._now_s() - self._asked_s < ANSWER_S_MAX:
            return
        self._ask()

    def _ask(self) -> None:
        accounts, self.pushed, self._asked_s = self._link.accounts, False, self._now_s()
        if len(accounts) == 1:
            self._ask_for(accounts[0])
            return
        for req_id in self._by_id:
            self._link.post(CancelAccountUpdatesMulti(req_id))
        self._by_id.clear()
        try:
            for account in accounts:
                req_id = self._link.take_id()
                self._link.post(ReqAccountUpdatesMulti(req_id, account))
                self._by_id[req_id], self._open[account] = account, {}
        except MessageUnavailable:
            self._to_ask = list(accounts)
            self._ask_for(self._to_ask.pop(0))

    def _ask_for(self, account: str) -> None:
        if self._one:
            self._link.post(ReqAccountUpdates(False, self._one))
        self._link.post(ReqAccountUpdates(True, account))
        self._one, self._open = account, {account: {}}

    # --- hearing ------------------------------------------------------------------------------------
    def hear(self, event: ClientEvent) -> None:
        match event:
            case replies.AccountValue():
                self._value(event.account, event.key, event.value, event.currency)
            case replies.AccountUpdateMulti() if self._by_id.get(event.req_id) == event.account:
                self._value(event.account, event.key, event.value, event.currency)
            case replies.AccountDownloadEnd():
                self._end(event.account)
            case replies.AccountUpdateMultiEnd() if event.req_id in self._by_id:
                self._end(self._by_id[event.req_id])

    def _value(self, account: str, key: str, value: str, currency: str) -> None:
        if key == ACCOUNT_READY:
            self._ready(account, value == "true")
        elif key not in (NET_LIQUIDATION, UNREALIZED, REALIZED):
            return
        elif account in self._open:
            self._open[account][key, currency] = value
        else:
            self.pushed = True

    def _end(self, account: str) -> None:
        rows = self._open.pop(account, None)
        if rows is not None:
            self._heard(account, _report(rows))
        if self._to_ask and account == self._one:
            self._ask_for(self._to_ask.pop(0))


def _report(rows: dict[tuple[str, str], str]) -> Report:
    """Profit and loss over all currencies, in the one that net liquidation is in."""
    worth = [(translate.amount(value), currency) for (key, currency), value in rows.items() if key == NET_LIQUIDATION]
    net, base = worth[0] if len(worth) == 1 else (None, "")

    def in_all(wanted: str) -> Decimal | None:
        told = {currency: translate.amount(value) for (key, currency), value in rows.items() if key == wanted}
        if IN_ALL in told or len(told) != 1:
            return told.get(IN_ALL)
        return told.get(base)  # the only currency there is

    return Report(net_liquidation=net, currency=base, unrealized=in_all(UNREALIZED), realized=in_all(REALIZED))
