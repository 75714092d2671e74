"""A connected login's view: every part known since a moment, or unknown for a reason. Never empty for want of facts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal

from broker.scripted import ACCOUNT, HOST, PORT, ScriptedTws, execution, open_order, order_status, position, scripted
from engine.broker.login import Login, LoginSettings
from engine.broker.view import Known, LoginView, Money, ProfitAndLoss, Unknown
from engine.core.units import UNSET
from engine.simulator.virtual import current_loop, settle
from engine.wire import replies, requests

SETTINGS = LoginSettings()


def run_login(test: Callable[[ScriptedTws, Login], Awaitable[None]]) -> None:
    async def main(tws: ScriptedTws) -> None:
        tws.answers[requests.ReqPositions] = lambda _p, _r: [position(), replies.PositionEnd()]
        tws.answers[requests.ReqAllOpenOrders] = lambda _p, _r: [open_order(), order_status(), replies.OpenOrderEnd()]
        view = LoginView()
        assert view.positions == Unknown("never connected")
        login = await Login.open(HOST, PORT, 1, view=view, wall_ns=current_loop().wall_ns, settings=SETTINGS)
        login.keep_up_to_date()
        await test(tws, login)
        login.close("the test is over")
        await settle()

    scripted(main)


def test_right_after_connecting_only_the_accounts_are_known_and_nothing_has_been_asked() -> None:
    async def test(tws: ScriptedTws, login: Login) -> None:
        assert login.view.accounts == Known((ACCOUNT,), current_loop().wall_ns())
        assert login.view.positions == login.view.working_orders == Unknown("not read yet")
        await settle()
        assert not tws.asked  # a kill that comes now finds the line free

    run_login(test)


def test_positions_and_orders_are_read_and_read_again() -> None:
    async def test(tws: ScriptedTws, login: Login) -> None:
        await asyncio.sleep(1)
        assert isinstance(login.view.positions, Known)
        assert isinstance(login.view.working_orders, Known)
        first = login.view.positions.at_ns
        await asyncio.sleep(SETTINGS.refresh_s)
        assert isinstance(login.view.positions, Known)
        assert login.view.positions.at_ns > first
        assert len(tws.requests(requests.ReqPositions)) == 2

    run_login(test)


def test_a_fill_makes_it_look_again_soon() -> None:
    async def test(tws: ScriptedTws, login: Login) -> None:
        await asyncio.sleep(1)
        tws.peer.send(execution())
        await asyncio.sleep(SETTINGS.hurry_s + 0.01)
        assert len(tws.requests(requests.ReqPositions)) == 2

    run_login(test)


def test_a_read_that_fails_makes_the_part_unknown_not_empty_and_not_old() -> None:
    async def test(tws: ScriptedTws, login: Login) -> None:
        await asyncio.sleep(1)
        del tws.answers[requests.ReqPositions]
        await asyncio.sleep(SETTINGS.refresh_s + SETTINGS.read_timeout_s)
        assert isinstance(login.view.positions, Unknown)
        assert isinstance(login.view.working_orders, Known)

    run_login(test)


def test_after_a_disconnect_nothing_is_known_and_the_reason_is_given() -> None:
    async def test(tws: ScriptedTws, login: Login) -> None:
        await asyncio.sleep(1)
        tws.peer.transport.abort()
        await settle()
        view = login.view
        for part in (view.accounts, view.positions, view.working_orders, view.account_values):
            assert isinstance(part, Unknown)
            assert "lost" in part.why
        assert view.profit_and_loss == {}
        await asyncio.sleep(60)  # and nothing goes on in the background

    run_login(test)


def test_what_tws_shows_without_its_link_to_ibkr_is_not_known() -> None:
    async def test(tws: ScriptedTws, login: Login) -> None:
        await asyncio.sleep(1)
        tws.peer.send(replies.ErrorMessage(-1, 1100, "Connectivity has been lost"))
        await settle()
        assert isinstance(login.view.positions, Unknown)
        await asyncio.sleep(2 * SETTINGS.refresh_s)
        assert isinstance(login.view.positions, Unknown)  # it answers, from its memory
        tws.peer.send(replies.ErrorMessage(-1, 1102, "restored"))
        await asyncio.sleep(2 * SETTINGS.refresh_s)
        assert isinstance(login.view.positions, Known)

    run_login(test)


def test_account_values_are_known_at_their_end_marker_and_blank_ones_are_not_there() -> None:
    async def test(tws: ScriptedTws, login: Login) -> None:
        await asyncio.sleep(1)
        [ask] = tws.requests(requests.ReqAccountSummary)

        def row(tag: str, value: str) -> replies.AccountSummary:
            return replies.AccountSummary(ask.req_id, ACCOUNT, tag, value, "USD")

        tws.peer.send(
            row("NetLiquidation", "100000.5"), row("Cushion", ""), row("BuyingPower", "1.7976931348623157E308")
        )
        await settle()
        assert isinstance(login.view.account_values, Unknown)
        tws.peer.send(replies.AccountSummaryEnd(ask.req_id))
        await settle()
        assert isinstance(login.view.account_values, Known)
        assert login.view.account_values.value == {ACCOUNT: {"NetLiquidation": Money(Decimal("100000.5"), "USD")}}
        tws.peer.send(row("NetLiquidation", "99000"))
        await settle()
        assert login.view.account_values.value[ACCOUNT]["NetLiquidation"].amount == 99000

    run_login(test)


def test_the_first_pnl_after_a_subscription_is_not_believed() -> None:
    async def test(tws: ScriptedTws, login: Login) -> None:
        await asyncio.sleep(1)
        [ask] = tws.requests(requests.ReqPnL)
        assert isinstance(login.view.profit_and_loss[ACCOUNT], Unknown)
        tws.peer.send(replies.PnL(ask.req_id, Decimal(0), Decimal(57), UNSET))
        await settle()
        assert isinstance(login.view.profit_and_loss[ACCOUNT], Unknown)
        tws.peer.send(replies.PnL(ask.req_id, Decimal(0), Decimal(-1127), UNSET))
        await settle()
        fact = login.view.profit_and_loss[ACCOUNT]
        assert isinstance(fact, Known)
        assert fact.value == ProfitAndLoss(Decimal(0), Decimal(-1127), None)

    run_login(test)


def test_while_a_kill_uses_the_connection_nothing_is_asked_and_nothing_waits() -> None:
    async def test(tws: ScriptedTws, login: Login) -> None:
        await asyncio.sleep(1)
        for _ in range(100):
            login.link.post(requests.ReqIds())
        login.suspend("a kill is using this connection")
        assert login.view.positions == Unknown("a kill is using this connection")
        tws.asked.clear()
        tws.peer.send(execution())
        await asyncio.sleep(30)
        assert {type(request) for _, _, request in tws.asked} <= {requests.ReqCurrentTime, requests.ReqIds}
        assert len(tws.requests(requests.ReqIds)) <= 40
        login.resume()
        await asyncio.sleep(1)
        assert isinstance(login.view.positions, Known)

    run_login(test)


class Follower:
    """An audience that writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.marks = 0

    def mark(self) -> int:
        self.marks += 1
        return self.marks

    def positions_read(self, fact: object, mark: int) -> None:
        self.told.append(("positions", type(fact), mark))

    def orders_read(self, fact: object, mark: int) -> None:
        self.told.append(("orders", type(fact), mark))

    def doubt(self, why: str) -> None:
        self.told.append(why)


def test_who_follows_the_readings_is_asked_for_a_mark_before_each_and_gets_it_back() -> None:
    async def test(tws: ScriptedTws, login: Login) -> None:
        follower = login.audience = Follower()
        await asyncio.sleep(1)
        assert follower.told == [("positions", Known, 1), ("orders", Known, 1)]
        await login.refresh()
        assert follower.told[2:] == [("positions", Known, 2), ("orders", Known, 3)]
        tws.answers[requests.ReqPositions] = lambda _p, _r: [
            replies.ErrorMessage(-1, 2151, "Positions info is not available yet")
        ]
        await login.refresh()
        assert follower.told[4] == ("positions", Unknown, 4)

    run_login(test)


def test_who_follows_the_readings_hears_when_nothing_is_known_any_more() -> None:
    async def test(tws: ScriptedTws, login: Login) -> None:
        follower = login.audience = Follower()
        await asyncio.sleep(1)
        follower.told.clear()
        tws.peer.send(replies.ErrorMessage(-1, 1100, "Connectivity has been lost"))
        await settle()
        assert follower.told == ["TWS has lost its link to IBKR (1100)"]
        tws.peer.send(replies.ErrorMessage(-1, 1102, "Connectivity has been restored"))
        login.suspend("a kill uses it")
        assert follower.told[1:] == ["a kill uses it"]
        login.close("the end")
        assert follower.told[2:] == ["the end"]

    run_login(test)
