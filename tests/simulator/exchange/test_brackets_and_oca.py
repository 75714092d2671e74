"""Orders that belong together: brackets, transmit, one-cancels-all."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from engine.simulator.exchange import Fill, OrderView, Status
from simulator.exchange.stage import D, Stage, codes, fills, of, refusal


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.price(stage.es, 6000)
    return stage


def bracket(stage: Stage, *, entry: str = "5990") -> tuple[OrderView, OrderView, OrderView]:
    parent = stage.rest(stage.es, "BUY", 4, order_type="LMT", lmt_price=entry, transmit=False)
    parent_id = parent.request.order_id
    target = stage.rest(stage.es, "SELL", 4, order_type="LMT", lmt_price="6010", parent_id=parent_id, transmit=False)
    stop = stage.rest(stage.es, "SELL", 4, order_type="STP", aux_price="5980", parent_id=parent_id, outside_rth=True)
    return stage.now(parent), stage.now(target), stop


def test_nothing_works_before_it_is_transmitted(stage: Stage) -> None:
    order = stage.rest(stage.es, "BUY", 1, transmit=False)
    assert order.status is Status.INACTIVE and not order.transmitted and order.is_open
    assert stage.exchange.open_orders() == []
    assert stage.exchange.open_orders(include_untransmitted=True) == [order]
    assert stage.held(stage.es) == 0


def test_a_hand_in_tws_can_transmit_it_later(stage: Stage) -> None:
    order = stage.rest(stage.es, "BUY", 1, transmit=False)
    assert len(of(stage.exchange.transmit(stage.now_ns, order.perm_id), Fill)) == 1


def test_a_global_cancel_does_not_see_what_was_never_transmitted(stage: Stage) -> None:
    order = stage.rest(stage.es, "BUY", 1, transmit=False)
    stage.exchange.cancel_all(stage.now_ns)
    assert stage.now(order).is_open
    stage.exchange.cancel(stage.now_ns, order.perm_id)
    assert not stage.now(order).is_open


def test_the_last_child_transmits_the_whole_bracket(stage: Stage) -> None:
    parent, target, stop = bracket(stage)
    assert parent.status is Status.SUBMITTED
    assert [(child.status, child.why_held) for child in (target, stop)] == [(Status.PRE_SUBMITTED, "child")] * 2
    assert target.parent_perm_id == stop.parent_perm_id == parent.perm_id


def test_children_wait_for_the_parent_to_fill(stage: Stage) -> None:
    _, target, stop = bracket(stage)
    assert fills(stage.price(stage.es, 6020)) == []
    assert fills(stage.price(stage.es, 5989)) == [(D(4), D(5990))]
    assert stage.now(target).status is Status.SUBMITTED
    assert (stage.now(stop).status, stage.now(stop).why_held) == (Status.PRE_SUBMITTED, "trigger")


def test_when_one_child_fills_its_sibling_is_cancelled(stage: Stage) -> None:
    _, target, stop = bracket(stage)
    stage.price(stage.es, 5989)
    events = stage.price(stage.es, 5970)
    assert fills(events) == [(D(4), D(5970))]
    assert stage.now(stop).status is Status.FILLED
    assert stage.now(target).status is Status.CANCELLED
    assert stage.held(stage.es) == 0


def test_cancelling_the_parent_cancels_the_children(stage: Stage) -> None:
    parent, target, stop = bracket(stage)
    stage.exchange.cancel(stage.now_ns, parent.perm_id)
    assert {stage.now(order).status for order in (parent, target, stop)} == {Status.CANCELLED}


def test_a_child_of_nobody_is_refused(stage: Stage) -> None:
    assert refusal(stage.place(stage.es, "SELL", 1, parent_id=999)) == 135


def test_a_child_that_comes_after_the_parents_fill_works_at_once(stage: Stage) -> None:
    parent = stage.rest(stage.es, "BUY", 1)
    child = stage.rest(stage.es, "SELL", 1, order_type="LMT", lmt_price="6010", parent_id=parent.request.order_id)
    assert child.status is Status.SUBMITTED


def test_one_cancels_all(stage: Stage) -> None:
    group = [
        stage.rest(stage.es, "BUY", 2, order_type="LMT", lmt_price=price, oca_group="exit", oca_type=1)
        for price in ("5990", "5985", "5980")
    ]
    events = stage.price(stage.es, 5970)  # through all three at once
    assert len(of(events, Fill)) == 1
    assert [stage.now(order).status for order in group] == [Status.FILLED, Status.CANCELLED, Status.CANCELLED]
    assert codes(events).count(202) == 2


def test_an_oca_group_of_type_2_is_reduced_in_proportion(stage: Stage) -> None:
    stage.exchange.behaviour = replace(stage.exchange.behaviour, depth=D(1))
    first = stage.rest(stage.es, "BUY", 4, order_type="LMT", lmt_price="5990", oca_group="g", oca_type=2)
    other = stage.rest(stage.es, "BUY", 8, order_type="LMT", lmt_price="5000", oca_group="g", oca_type=2)
    stage.price(stage.es, 5980)
    assert stage.now(first).filled == 1
    assert stage.now(other).remaining == 6


def test_oca_groups_of_two_accounts_do_not_meet() -> None:
    stage = Stage(accounts=("DU1", "DU2"))
    stage.price(stage.es, 6000)
    mine = stage.rest(stage.es, "BUY", 1, order_type="LMT", lmt_price="5990", oca_group="g", oca_type=1)
    theirs = stage.rest(
        stage.es, "BUY", 1, order_type="LMT", lmt_price="5980", oca_group="g", oca_type=1, account="DU2"
    )
    stage.price(stage.es, 5985)
    assert stage.now(mine).status is Status.FILLED
    assert stage.now(theirs).status is Status.SUBMITTED
