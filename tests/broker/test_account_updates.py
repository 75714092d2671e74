"""Account updates of a TWS without a stream of profit and loss: whole answers count, and one question at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from broker.scripted import ACCOUNT, HOST, PORT, ScriptedTws, position, scripted
from broker.test_login_accountant import OTHER, Follower
from engine.broker.account_updates import ANSWER_S_MAX
from engine.broker.login import Login, LoginSettings
from engine.broker.view import Known, LoginView, ProfitAndLoss, Unknown
from engine.core.equity import Report
from engine.core.units import BLANK
from engine.simulator.virtual import current_loop, settle
from engine.wire import replies, requests

D = Decimal
Test = Callable[[ScriptedTws, Login, Follower], Awaitable[None]]
WORTH = Report(net_liquidation=D(100_000), currency="USD", unrealized=D(57), realized=D(3))
ROWS = (
    ("AccountReady", "true", ""),
    ("NetLiquidation", "100000", "USD"),
    ("NetLiquidation-S", "1", "USD"),
    ("UnrealizedPnL", "7", "USD"),
    ("UnrealizedPnL", "57", "BASE"),
    ("RealizedPnL", "1", "EUR"),
    ("RealizedPnL", "3", "BASE"),
)


def followed(test: Test, *accounts: str, version: int) -> None:
    async def main(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqPositions] = lambda _p, _r: [position(), replies.PositionEnd()]
        view = LoginView()
        login = await Login.open(HOST, PORT, 1, view=view, wall_ns=current_loop().wall_ns, settings=LoginSettings())
        follower = login.accountant = Follower()
        login.keep_up_to_date()
        await asyncio.sleep(1)
        await test(tws, login, follower)
        login.close("the test is over")
        await settle()

    scripted(main, accounts=accounts or (ACCOUNT,), version=version)


def told(account: str = ACCOUNT, rows: tuple[tuple[str, str, str], ...] = ROWS) -> list[replies.Reply]:
    return [replies.AccountValue(key, value, currency, account) for key, value, currency in rows]


def reports(follower: Follower) -> list[object]:
    return [one for one in follower.told if isinstance(one, tuple) and one[0] == "report"]


def test_an_answer_counts_when_it_has_ended_and_is_shown_to_the_user_too() -> None:
    async def test(tws: ScriptedTws, login: Login, follower: Follower) -> None:
        assert login.view.profit_and_loss == {ACCOUNT: Unknown("not told yet")}
        tws.peer.send(*told())
        await settle()
        assert follower.told == [("ready", ACCOUNT, True)]
        tws.peer.send(replies.AccountDownloadEnd(ACCOUNT))
        await settle()
        assert reports(follower) == [("report", ACCOUNT, WORTH)]
        [fact] = login.view.profit_and_loss.values()
        assert isinstance(fact, Known)
        assert fact.value == ProfitAndLoss(None, D(57), D(3))
        tws.peer.send(replies.AccountDownloadEnd(ACCOUNT))  # of nothing that was asked for
        await settle()
        assert len(reports(follower)) == 1

    followed(test, version=126)


def test_what_tws_pushes_has_no_end_and_is_a_reason_to_ask() -> None:
    async def test(tws: ScriptedTws, login: Login, follower: Follower) -> None:
        tws.peer.send(*told(), replies.AccountDownloadEnd(ACCOUNT))
        await settle()
        assert not login.worth_pushed
        tws.peer.send(replies.AccountValue("BuyingPower", "1", "USD", ACCOUNT))
        await settle()
        assert not login.worth_pushed
        tws.peer.send(replies.AccountValue("NetLiquidation", "90000", "USD", ACCOUNT))
        await settle()
        assert login.worth_pushed
        assert len(reports(follower)) == 1
        login.ask_worth()
        await settle()
        assert not login.worth_pushed
        assert tws.requests(requests.ReqAccountUpdates) == [
            requests.ReqAccountUpdates(True, ACCOUNT),
            requests.ReqAccountUpdates(False, ACCOUNT),
            requests.ReqAccountUpdates(True, ACCOUNT),
        ]

    followed(test, version=126)


def test_a_question_that_is_not_answered_yet_is_asked_again_only_when_it_must_be_lost() -> None:
    async def test(tws: ScriptedTws, login: Login, _follower: Follower) -> None:
        login.ask_worth()
        await settle()
        assert len(tws.requests(requests.ReqAccountUpdates)) == 1
        await asyncio.sleep(ANSWER_S_MAX)
        login.ask_worth()
        await settle()
        assert len(tws.requests(requests.ReqAccountUpdates)) == 3

    followed(test, version=126)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ((), Report(net_liquidation=None, currency="", unrealized=None, realized=None)),
        (
            (("NetLiquidation", "5", "USD"), ("UnrealizedPnL", "1", "USD"), ("RealizedPnL", "2", "USD")),
            Report(net_liquidation=D(5), currency="USD", unrealized=D(1), realized=D(2)),
        ),
        (
            (("NetLiquidation", "5", "USD"), ("UnrealizedPnL", "1", "EUR"), ("RealizedPnL", "", "BASE")),
            Report(net_liquidation=D(5), currency="USD", unrealized=None, realized=None),
        ),
        (
            (
                ("NetLiquidation", "5", "USD"),
                ("NetLiquidation", "6", "EUR"),
                ("UnrealizedPnL", "1", "USD"),
                ("UnrealizedPnL", "1", "EUR"),
                ("RealizedPnL", "1.7976931348623157E308", "BASE"),
            ),
            Report(net_liquidation=None, currency="", unrealized=None, realized=None),
        ),
    ],
)
def test_profit_and_loss_of_some_currencies_is_not_all_of_it(
    rows: tuple[tuple[str, str, str], ...], expected: Report
) -> None:
    async def test(tws: ScriptedTws, _login: Login, follower: Follower) -> None:
        tws.peer.send(*told(rows=rows), replies.AccountDownloadEnd(ACCOUNT))
        await settle()
        assert reports(follower) == [("report", ACCOUNT, expected)]

    followed(test, version=126)


def test_several_accounts_are_asked_for_one_after_the_other_where_tws_knows_no_numbers() -> None:
    async def test(tws: ScriptedTws, login: Login, follower: Follower) -> None:
        asked = [requests.ReqAccountUpdates(True, ACCOUNT)]
        assert tws.requests(requests.ReqAccountUpdates) == asked
        tws.peer.send(*told(OTHER), replies.AccountDownloadEnd(OTHER))  # not asked for yet
        await settle()
        assert reports(follower) == []
        for account in (ACCOUNT, OTHER):
            tws.peer.send(*told(account), replies.AccountDownloadEnd(account))
            await settle()
        asked += [requests.ReqAccountUpdates(False, ACCOUNT), requests.ReqAccountUpdates(True, OTHER)]
        assert tws.requests(requests.ReqAccountUpdates) == asked
        assert reports(follower) == [("report", ACCOUNT, WORTH), ("report", OTHER, WORTH)]
        login.ask_worth()
        await settle()
        asked += [requests.ReqAccountUpdates(False, OTHER), requests.ReqAccountUpdates(True, ACCOUNT)]
        assert tws.requests(requests.ReqAccountUpdates) == asked

    followed(test, ACCOUNT, OTHER, version=102)


def test_several_accounts_have_a_number_each_where_tws_knows_them_and_another_numbers_rows_are_not_theirs() -> None:
    async def test(tws: ScriptedTws, login: Login, follower: Follower) -> None:
        first, second = (one.req_id for one in tws.requests(requests.ReqAccountUpdatesMulti))
        rows = [replies.AccountUpdateMulti(first, ACCOUNT, "", *row) for row in ROWS]
        strange = [replies.AccountUpdateMulti(second, ACCOUNT, "", "NetLiquidation", "1", "EUR")]
        tws.peer.send(*rows, *strange, replies.AccountUpdateMultiEnd(first), replies.AccountUpdateMultiEnd(99))
        await settle()
        assert reports(follower) == [("report", ACCOUNT, WORTH)]
        await asyncio.sleep(ANSWER_S_MAX)
        login.ask_worth()
        await settle()
        ended = [one.req_id for one in tws.requests(requests.CancelAccountUpdatesMulti)]
        assert ended == [first, second]
        assert len(tws.requests(requests.ReqAccountUpdatesMulti)) == 4

    followed(test, ACCOUNT, OTHER, version=110)


@pytest.mark.parametrize("version", [127, 129, 134])
def test_a_stream_without_what_was_realized_gives_the_day_and_nothing_else(version: int) -> None:
    async def test(tws: ScriptedTws, login: Login, follower: Follower) -> None:
        [ask] = tws.requests(requests.ReqPnL)
        tws.peer.send(replies.PnL(ask.req_id, D(12), D(1), BLANK), replies.PnL(ask.req_id, D(12), D(1), BLANK))
        await settle()
        assert (follower.told, login.view.profit_and_loss) == ([], {ACCOUNT: Unknown("not told yet")})
        tws.peer.send(*told(), replies.AccountDownloadEnd(ACCOUNT))
        await settle()
        [fact] = login.view.profit_and_loss.values()
        assert isinstance(fact, Known)
        assert fact.value == ProfitAndLoss(D(12), D(57), D(3))

    followed(test, version=version)


def test_a_stream_that_is_whole_leaves_the_account_updates_for_readiness_alone() -> None:
    async def test(tws: ScriptedTws, login: Login, follower: Follower) -> None:
        tws.peer.send(*told(), replies.AccountDownloadEnd(ACCOUNT))
        await settle()
        assert follower.told == [("ready", ACCOUNT, True)]
        login.ask_worth()
        await settle()
        assert len(tws.requests(requests.ReqAccountUpdates)) == 1

    followed(test, version=135)
