"""What a program passes by mistake is an error of the one tree, with words; and what stops bears it."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.core.contracts import Contract
from engine.simulator.server import World
from engine.simulator.virtual import VirtualLoop
from engine.trading import IBKRAccountManager, TradingError, TradingMode
from engine.trading.errors import BadLogin, CancelUnconfirmed, OrderNotSent, UnknownLogin
from engine.wire.order import Order
from trading.stage import manager, stage

SPY = Contract(con_id=756733, symbol="SPY", sec_type="STK", exchange="SMART", currency="USD")
BUY = Order(action="BUY", total_quantity=Decimal(1), order_type="LMT", lmt_price=Decimal(500), tif="DAY")
WRONG: Any = object()
NO_TEXT = "\udcff"  # what a shell's byte that is no text becomes


@pytest.mark.parametrize("name", [None, 5, ["paper"], {}])
def test_a_name_of_any_kind_that_no_login_has_is_an_unknown_login(name: Any) -> None:
    made = IBKRAccountManager()
    plain: list[Callable[[Any], object]] = [made.state, made.positions, made.limits, made.scope]
    for method in [*plain, lambda one: made.halt_trading(one, "x"), made.resume_trading]:
        with pytest.raises(UnknownLogin):
            method(name)


@pytest.mark.parametrize("ticket", [12345, None, "7"])
def test_what_is_no_ticket_cancels_nothing_and_is_told(tmp_path: Path, ticket: Any) -> None:
    async def test(_world: World, loop: VirtualLoop) -> None:
        made = manager(loop, tmp_path)
        await made.connect_all()
        with pytest.raises(CancelUnconfirmed, match="is no ticket of an order"):
            await made.cancel_order("paper", ticket)
        await made.disconnect_all()

    stage("calm", test)


@pytest.mark.parametrize(
    ("contract", "order"),
    [
        (None, None),
        (SPY, None),
        ("SPY", BUY),
        (Contract(con_id=WRONG), BUY),
        (Contract(symbol=WRONG), BUY),
        (Contract(exchange=WRONG), BUY),
        (SPY, Order(action="BUY", total_quantity=Decimal(1), order_type=WRONG)),
    ],
)
def test_an_order_of_the_wrong_kind_is_not_sent(tmp_path: Path, contract: Any, order: Any) -> None:
    async def test(_world: World, loop: VirtualLoop) -> None:
        made = manager(loop, tmp_path)
        await made.connect_all()
        for method in (made.place_order, made.preflight):
            with pytest.raises(OrderNotSent, match="cannot be judged"):
                await method("paper", contract, order)
        await made.disconnect_all()

    stage("calm", test)


@pytest.mark.parametrize("wrong", [{"account": 5}, {"spare_ids": 5}, {"spare_ids": ("x",)}, {"spare_ids": (-1,)}])
def test_a_login_that_could_only_fail_later_is_refused_now(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadLogin):
        IBKRAccountManager().add_account("a", TradingMode.PAPER, **wrong)


@pytest.mark.parametrize("reason", [None, 5, b"x", "\x00", NO_TEXT])
def test_what_stops_bears_any_reason_and_nothing_is_in_the_way_of_the_next_one(tmp_path: Path, reason: Any) -> None:
    async def test(_world: World, loop: VirtualLoop) -> None:
        made = manager(loop, tmp_path)
        assert made.halt_trading("paper", reason).durable
        assert made.halt_trading("paper", "again").durable
        report = await made.kill_switch_all(reason)
        assert report.flat
        report.to_json().encode()
        assert not made.kill_notes
        await made.disconnect_all()

    stage("calm", test)


@pytest.mark.parametrize("reason", [None, 5, NO_TEXT])
def test_what_goes_on_refuses_in_words_or_keeps_what_can_be_kept(tmp_path: Path, reason: Any) -> None:
    async def test(_world: World, loop: VirtualLoop) -> None:
        made = manager(loop, tmp_path)
        made.halt_trading("paper", "x")
        made.resume_trading("paper", reason=reason)
        for refused in (
            lambda: made.reset("paper", reason),
            lambda: made.record_cash_flow("paper", Decimal(5), reason, currency=WRONG),
        ):
            with pytest.raises(TradingError):
                refused()

    stage("calm", test)


@pytest.mark.parametrize("wrong", [{"on_step": WRONG}, {"pressed_ns": WRONG}])
def test_a_kill_bears_arguments_that_mean_nothing(tmp_path: Path, wrong: dict[str, Any]) -> None:
    async def test(world: World, loop: VirtualLoop) -> bool:
        report = await manager(loop, tmp_path).kill_switch_all("x", **wrong)
        return report.flat and world.is_flat()

    assert stage("calm", test)
