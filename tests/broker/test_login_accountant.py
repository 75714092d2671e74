"""Who follows what the accounts are worth hears every word of the broker, the empty ones too, and asks in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from broker.scripted import ACCOUNT, HOST, PORT, ScriptedTws, open_order, order_status, position, scripted
from engine.broker.login import Login, LoginSettings
from engine.broker.view import LoginView
from engine.core.equity import Report
from engine.core.units import BLANK, UNSET
from engine.simulator.virtual import current_loop, settle
from engine.wire import replies, requests

OTHER = "DU2"


class Follower:
    """An accountant that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.changes = 0

    def net_liquidation(self, account: str, amount: Decimal | None, currency: str) -> None:
        self.told.append(("worth", account, amount, currency))

    def profit_and_loss(self, account: str, unrealized: Decimal | None, realized: Decimal | None) -> None:
        self.told.append(("profit", account, unrealized, realized))

    def account_report(self, account: str, report: Report) -> None:
        self.told.append(("report", account, report))

    def account_ready(self, account: str, ready: bool) -> None:
        self.told.append(("ready", account, ready))

    def link_down(self, why: str) -> None:
        self.told.append(("down", why))

    def link_up(self) -> None:
        self.told.append("up")

    def facts_changed(self) -> None:
        self.changes += 1


def followed(test: Callable[[ScriptedTws, Login, Follower], Awaitable[None]], *accounts: str) -> None:
    async def main(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqPositions] = lambda _p, _r: [position(), replies.PositionEnd()]
        tws.answers[requests.ReqAllOpenOrders] = lambda _p, _r: [open_order(), order_status(), replies.OpenOrderEnd()]
        login = await Login.open(
            HOST, PORT, 1, view=LoginView(), wall_ns=current_loop().wall_ns, settings=LoginSettings()
        )
        follower = login.accountant = Follower()
        login.keep_up_to_date()
        await asyncio.sleep(1)
        await test(tws, login, follower)
        login.close("the test is over")
        await settle()

    scripted(main, accounts=accounts or (ACCOUNT,))


@pytest.mark.parametrize(
    ("value", "amount"),
    [("100000.5", Decimal("100000.5")), ("0", Decimal(0)), ("", None), ("1.7976931348623157E308", None), ("NaN", None)],
)
def test_net_liquidation_is_told_and_what_is_no_number_is_none_and_not_zero(value: str, amount: Decimal | None) -> None:
    async def test(tws: ScriptedTws, _login: Login, follower: Follower) -> None:
        [ask] = tws.requests(requests.ReqAccountSummary)
        follower.told.clear()
        tws.peer.send(
            replies.AccountSummary(ask.req_id, ACCOUNT, "BuyingPower", "1", "USD"),
            replies.AccountSummary(ask.req_id, ACCOUNT, "NetLiquidation", value, "USD"),
        )
        await settle()
        assert follower.told == [("worth", ACCOUNT, amount, "USD")]

    followed(test)


def test_every_profit_and_loss_is_told_the_first_too_and_unset_is_none() -> None:
    async def test(tws: ScriptedTws, _login: Login, follower: Follower) -> None:
        [ask] = tws.requests(requests.ReqPnL)
        tws.peer.send(
            replies.PnL(ask.req_id, Decimal(0), Decimal(57), UNSET),
            replies.PnL(ask.req_id, Decimal(0), BLANK, Decimal(0)),
            replies.PnL(ask.req_id + 1_000, Decimal(0), Decimal(1), Decimal(1)),
        )
        await settle()
        assert follower.told == [("profit", ACCOUNT, Decimal(57), None), ("profit", ACCOUNT, None, Decimal(0))]

    followed(test)


def test_whether_tws_vouches_for_the_account_is_asked_for_and_told() -> None:
    async def test(tws: ScriptedTws, _login: Login, follower: Follower) -> None:
        assert tws.requests(requests.ReqAccountUpdates) == [requests.ReqAccountUpdates(True, ACCOUNT)]
        tws.peer.send(
            replies.AccountValue("AccountReady", "false", "", ACCOUNT),
            replies.AccountValue("NetLiquidation", "1", "USD", ACCOUNT),
        )
        await settle()
        assert follower.told == [("ready", ACCOUNT, False)]

    followed(test)


def test_of_several_accounts_each_is_asked_for_by_a_number_of_its_own_and_anew_after_an_outage() -> None:
    async def test(tws: ScriptedTws, _login: Login, follower: Follower) -> None:
        first = tws.requests(requests.ReqAccountUpdatesMulti)
        assert [one.account for one in first] == [ACCOUNT, OTHER]
        assert not tws.requests(requests.ReqAccountUpdates)
        tws.peer.send(replies.AccountUpdateMulti(first[1].req_id, OTHER, "", "AccountReady", "true", ""))
        await settle()
        assert follower.told == [("ready", OTHER, True)]
        tws.peer.send(replies.ErrorMessage(-1, 1100, "lost"), replies.ErrorMessage(-1, 1101, "restored"))
        await settle()
        ended = [one.req_id for one in tws.requests(requests.CancelAccountUpdatesMulti)]
        assert ended == [one.req_id for one in first]
        assert len(tws.requests(requests.ReqAccountUpdatesMulti)) == 4

    followed(test, ACCOUNT, OTHER)


def test_nobody_who_does_not_ask_gets_account_updates() -> None:
    async def main(tws: ScriptedTws) -> None:
        login = await Login.open(
            HOST, PORT, 1, view=LoginView(), wall_ns=current_loop().wall_ns, settings=LoginSettings()
        )
        login.keep_up_to_date()
        await asyncio.sleep(1)
        assert not tws.requests(requests.ReqAccountUpdates)
        login.close("the test is over")
        await settle()

    scripted(main)


def test_the_summary_is_told_anew_under_a_new_number_and_the_old_one_is_ended() -> None:
    async def test(tws: ScriptedTws, login: Login, follower: Follower) -> None:
        login.ask_worth()
        await settle()
        first, second = tws.requests(requests.ReqAccountSummary)
        assert tws.requests(requests.CancelAccountSummary) == [requests.CancelAccountSummary(first.req_id)]
        tws.peer.send(replies.AccountSummary(first.req_id, ACCOUNT, "NetLiquidation", "1", "USD"))
        tws.peer.send(replies.AccountSummary(second.req_id, ACCOUNT, "NetLiquidation", "2", "USD"))
        await settle()
        assert follower.told == [("worth", ACCOUNT, Decimal(2), "USD")]

    followed(test)


def test_a_feed_of_profit_and_loss_that_never_spoke_is_asked_for_anew_and_one_that_spoke_is_left() -> None:
    """The request was lost, or is not answered: the login would be blind for good, and no loss of it ever seen."""

    async def test(tws: ScriptedTws, login: Login, follower: Follower) -> None:
        spoke, silent = tws.requests(requests.ReqPnL)
        tws.peer.send(replies.PnL(spoke.req_id, Decimal(0), Decimal(5), Decimal(0)))
        await asyncio.sleep(28)
        login.ask_worth()
        await settle()
        assert len(tws.requests(requests.ReqPnL)) == 2, "it may still come"
        await asyncio.sleep(2)
        login.ask_worth()
        await settle()
        [*_, anew] = tws.requests(requests.ReqPnL)
        assert tws.requests(requests.CancelPnL) == [requests.CancelPnL(silent.req_id)]
        assert (anew.account, len(tws.requests(requests.ReqPnL))) == (OTHER, 3)
        login.ask_worth()
        await settle()
        assert len(tws.requests(requests.ReqPnL)) == 3, "it has as long as the first"
        follower.told.clear()
        tws.peer.send(replies.PnL(silent.req_id, Decimal(0), Decimal(6), Decimal(0)))
        tws.peer.send(replies.PnL(anew.req_id, Decimal(0), Decimal(7), Decimal(0)))
        await settle()
        assert follower.told == [("profit", OTHER, Decimal(7), Decimal(0))]

    followed(test, ACCOUNT, OTHER)


def test_while_a_kill_has_the_connection_the_summary_is_not_asked_for() -> None:
    async def test(tws: ScriptedTws, login: Login, _follower: Follower) -> None:
        login.suspend("a kill uses it")
        assert login.in_use
        login.ask_worth()
        await settle()
        assert len(tws.requests(requests.ReqAccountSummary)) == 1

    followed(test)


def test_an_outage_is_told_and_subscriptions_are_made_anew_behind_it() -> None:
    async def test(tws: ScriptedTws, _login: Login, follower: Follower) -> None:
        [before] = tws.requests(requests.ReqPnL)
        tws.peer.send(replies.ErrorMessage(-1, 1100, "lost"))
        await settle()
        assert follower.told == [("down", "TWS has lost its link to IBKR (1100)")]
        tws.peer.send(replies.ErrorMessage(-1, 1101, "restored, subscriptions lost"))
        await settle()
        assert follower.told[1:] == ["up"]
        assert tws.requests(requests.CancelPnL) == [requests.CancelPnL(before.req_id)]
        [_, after] = tws.requests(requests.ReqPnL)
        assert len(tws.requests(requests.ReqAccountSummary)) == 2
        tws.peer.send(replies.PnL(before.req_id, Decimal(0), Decimal(1), Decimal(1)))
        tws.peer.send(replies.PnL(after.req_id, Decimal(0), Decimal(2), Decimal(2)))
        await settle()
        assert follower.told[2:] == [("profit", ACCOUNT, Decimal(2), Decimal(2))]

    followed(test)


def test_after_an_outage_during_a_kill_subscriptions_are_made_anew_when_it_gives_the_connection_back() -> None:
    async def test(tws: ScriptedTws, login: Login, _follower: Follower) -> None:
        login.suspend("a kill uses it")
        tws.peer.send(replies.ErrorMessage(-1, 1100, "lost"), replies.ErrorMessage(-1, 1101, "restored"))
        await settle()
        assert len(tws.requests(requests.ReqPnL)) == 1
        login.resume()
        await asyncio.sleep(1)
        assert len(tws.requests(requests.ReqPnL)) == len(tws.requests(requests.ReqAccountSummary)) == 2

    followed(test)


def test_a_lost_connection_is_told_once_and_so_is_every_reading() -> None:
    async def test(tws: ScriptedTws, _login: Login, follower: Follower) -> None:
        assert follower.changes == 2
        tws.peer.transport.abort()
        await settle()
        [(what, why)] = follower.told
        assert (what, "lost" in why) == ("down", True)

    followed(test)
