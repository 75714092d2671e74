"""Cancels and modifications, with and without a broker that takes its time."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.simulator.exchange import Event, OrderView, Rejected, Status
from simulator.exchange.stage import SECOND, STILL, D, Stage, codes, fills, of, refusal, statuses

SLOW = replace(
    STILL,
    ack_latency_ns=SECOND // 10,
    fill_latency_ns=SECOND // 10,
    cancel_latency_ns=SECOND,
    modify_latency_ns=SECOND,
)


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.price(stage.es, 6000)
    return stage


@pytest.fixture
def slow() -> Stage:
    stage = Stage(behaviour=SLOW)
    stage.price(stage.es, 6000)
    return stage


def bid(stage: Stage, price: str = "5990", quantity: int = 2, **fields: int) -> OrderView:
    return stage.rest(stage.es, "BUY", quantity, order_type="LMT", lmt_price=price, **fields)


def change(stage: Stage, order: OrderView, **fields: object) -> list[Event]:
    return stage.exchange.place(stage.now_ns, replace(order.request, **fields))


def test_a_cancel_tells_the_old_state_then_cancelled_then_202(stage: Stage) -> None:
    order = bid(stage)
    events = stage.exchange.cancel(stage.now_ns, order.perm_id)
    assert statuses(events) == [Status.SUBMITTED, Status.CANCELLED]
    assert codes(events) == [202]
    assert stage.exchange.open_orders() == []


def test_a_cancel_of_what_is_done_is_161(stage: Stage) -> None:
    order = stage.rest(stage.es, "BUY", 1)
    (rejected,) = of(stage.exchange.cancel(stage.now_ns, order.perm_id), Rejected)
    assert rejected.code == 161 and str(order.perm_id) in rejected.text
    assert rejected.order is not None and rejected.order.status is Status.FILLED


def test_a_global_cancel_reaches_every_client_and_tws_itself(stage: Stage) -> None:
    orders = [bid(stage, client_id=client_id) for client_id in (0, 1, 2, 99)]
    stage.exchange.cancel_all(stage.now_ns)
    assert {stage.now(order).status for order in orders} == {Status.CANCELLED}


def test_a_fill_may_win_the_race_against_a_cancel(slow: Stage) -> None:
    order = bid(slow)
    slow.wait(SECOND)
    assert statuses(slow.exchange.cancel(slow.now_ns, order.perm_id)) == [Status.PENDING_CANCEL]
    events = slow.price(slow.es, 5980)
    assert fills(events) == [(D(2), D(5990))]
    assert refusal(events) == 10148
    slow.wait(5 * SECOND)
    assert slow.now(order).status is Status.FILLED


def test_a_cancel_takes_effect_after_its_latency(slow: Stage) -> None:
    order = bid(slow)
    slow.wait(SECOND)
    slow.exchange.cancel(slow.now_ns, order.perm_id)
    assert slow.wait(SECOND - 1) == []
    assert statuses(slow.wait(1)) == [Status.CANCELLED]
    assert fills(slow.price(slow.es, 5980)) == []


def test_a_second_cancel_while_the_first_is_pending_is_161(slow: Stage) -> None:
    order = bid(slow)
    slow.wait(SECOND)
    slow.exchange.cancel(slow.now_ns, order.perm_id)
    assert refusal(slow.exchange.cancel(slow.now_ns, order.perm_id)) == 161


def test_a_cancel_before_the_acknowledgement_stays_pending(slow: Stage) -> None:
    order = bid(slow)
    slow.exchange.cancel(slow.now_ns, order.perm_id)
    slow.wait(SECOND // 2)
    assert slow.now(order).status is Status.PENDING_CANCEL
    slow.wait(SECOND)
    assert slow.now(order).status is Status.CANCELLED


def test_a_global_cancel_skips_orders_whose_replace_is_pending(slow: Stage) -> None:
    moving, still = bid(slow), bid(slow)
    slow.wait(SECOND)
    change(slow, moving, lmt_price=D(5991))
    slow.exchange.cancel_all(slow.now_ns)
    slow.wait(2 * SECOND)
    assert slow.now(still).status is Status.CANCELLED
    assert slow.now(moving).status is Status.SUBMITTED
    assert slow.now(moving).request.lmt_price == 5991


def test_an_order_is_acknowledged_before_it_may_fill(slow: Stage) -> None:
    order = slow.rest(slow.es, "BUY", 1)
    assert order.status is Status.PENDING_SUBMIT
    assert statuses(slow.wait(SECOND // 10)) == [Status.SUBMITTED]
    assert len(fills(slow.wait(SECOND // 10))) == 1


def test_a_modification_keeps_the_order_and_its_permanent_id(stage: Stage) -> None:
    order = bid(stage)
    assert fills(change(stage, order, lmt_price=D(5995), quantity=D(3))) == []
    now = stage.now(order)
    assert (now.perm_id, now.request.lmt_price, now.remaining) == (order.perm_id, 5995, 3)
    assert fills(change(stage, order, lmt_price=D(6001))) == [(D(2), D("6000.25"))]


def test_a_refused_modification_leaves_the_order_as_it_was(stage: Stage) -> None:
    order = bid(stage)
    for fields, code in (
        ({"lmt_price": D("5990.10")}, 110),
        ({"action": "SELL"}, 105),
        ({"con_id": stage.aapl.con_id}, 105),
        ({"quantity": D(0)}, 434),
        ({"quantity": D(100_000)}, 201),
    ):
        (rejected,) = of(change(stage, order, **fields), Rejected)
        assert rejected.code == code and rejected.order == order
    assert stage.now(order) == order


def test_an_order_on_its_way_out_cannot_be_modified(slow: Stage) -> None:
    order = bid(slow)
    slow.wait(SECOND)
    slow.exchange.cancel(slow.now_ns, order.perm_id)
    assert refusal(change(slow, order, lmt_price=D(5991))) == 2102


def test_reducing_an_order_to_what_it_has_filled_ends_it(stage: Stage) -> None:
    stage.exchange.behaviour = replace(STILL, depth=D(1))
    order = bid(stage, quantity=3)
    stage.price(stage.es, 5980)
    assert stage.now(order).filled == 1
    change(stage, order, quantity=D(1))
    assert stage.now(order).status is Status.FILLED and stage.held(stage.es) == 1


def test_a_modification_of_nothing_is_refused(stage: Stage) -> None:
    assert refusal(stage.exchange.modify(stage.now_ns, stage.order(stage.es, "BUY", 1))) == 135


def test_day_made_good_till_cancelled_survives_the_day(stage: Stage) -> None:
    order = bid(stage)
    change(stage, order, tif="GTC")
    stage.wait(48 * 3600 * SECOND)
    assert stage.now(order).is_open
