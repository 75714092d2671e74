"""What TWS is known to say of closing orders, one story each, told to the whole machine of one login.

The table of `test_reactions` says what a code means; here is what comes of it.
"""

from __future__ import annotations

import pytest

from core.kill.builders import (
    ACCOUNT,
    GlobalCancel,
    OrderType,
    Resolve,
    Stage,
    ev,
    future,
    held,
    option,
    order,
    quote,
    stock,
)
from engine.core.kill.report import LoginOutcome, ResidueReason

CALL = option(11)
MNQ = future(5, "MNQ")


def sent(quantity: int | str = 3, **settings: int) -> Stage:
    return Stage(held(CALL, quantity), **settings).begin()


def listed(stage: Stage) -> Stage:
    stage.orders = [stage.listed(stage.place)]
    return stage


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (161, "Cancel attempted when order is not in a cancellable state"),
        (399, "Order Message: your order size is below the minimum and will be routed as an odd lot order"),
        (2109, "Outside Regular Trading Hours is ignored based on the order type and destination"),
        (2102, "Unable to modify this order as it is still being processed"),
        (2161, "we may cap the limit price"),
        (10148, "OrderId 1 that needs to be cancelled can not be cancelled, state: PendingCancel"),
        (10153, "price capped"),
        (10349, "Order TIF was set to DAY based on order preset"),
    ],
)
def test_a_notice_is_no_end_and_no_second_order_follows(code: int, text: str) -> None:
    """Clients that took these for the end of an order sent another one, and both filled."""
    stage = listed(sent())
    stage.reject(stage.place, code, text)
    stage.run(4500)
    assert len(stage.placed) == 1 and stage.withdrawn == [] and not stage.finished
    stage.orders = []
    stage.fill(stage.place)
    stage.run(1000)
    assert stage.report.flat


def test_what_was_filled_before_its_cancel_arrived_is_new_exposure_and_sized_anew() -> None:
    """10148, state: Filled. The order was others'; the position is read again before anything is sent."""
    resting = order(CALL, "SELL", 2)
    stage = Stage(held(CALL, 3), orders=[resting]).begin()
    stage.tell(ev.Notice(10148, "OrderId 3 that needs to be cancelled can not be cancelled, state: Filled"))
    stage.orders = []
    stage.positions = [held(CALL, 1)]
    assert stage.next_place().quantity == 1


def test_our_own_close_that_filled_before_its_cancel_arrived_is_not_sent_again() -> None:
    stage = listed(sent(acknowledge_ns=10**9))
    stage.orders = []
    stage.run(1100)
    assert stage.withdrawn == [1]  # silent
    stage.reject(stage.place, 10148, "OrderId 1 that needs to be cancelled can not be cancelled, state: Filled")
    stage.fill(stage.place)
    stage.run(3000)
    assert stage.report.flat and len(stage.placed) == 1


def test_our_own_close_that_was_cancelled_before_its_cancel_arrived_is_followed_by_another() -> None:
    stage = sent(acknowledge_ns=10**9)
    stage.run(1100)
    stage.reject(stage.place, 10148, "OrderId 1 that needs to be cancelled can not be cancelled, state: Cancelled")
    stage.run(1000)
    assert [p.key for p in stage.placed] == [1, 2]


@pytest.mark.parametrize(("code", "reason"), [(154, ResidueReason.HALTED), (2128, ResidueReason.HALTED)])
def test_a_halt_is_named_and_tried_until_the_deadline(code: int, reason: ResidueReason) -> None:
    stage = sent(deadline_ns=40 * 10**9)
    for _ in range(200):
        stage.reject(stage.place, code, "halted")
        stage.run(200)
    assert stage.finished and stage.reasons == [reason] and 5 < len(stage.placed) < 40
    assert stage.report.timings.finished_ms == 40_000


@pytest.mark.parametrize(
    ("code", "text", "reason"),
    [
        (392, "Invalid order: contract expired", ResidueReason.EXPIRED),
        (203, "The security is not available or allowed for this account", ResidueReason.NO_PERMISSION),
        (460, "No trading permissions", ResidueReason.NO_PERMISSION),
        (10243, "Fractional-sized order cannot be placed via API", ResidueReason.FRACTIONAL),
        (388, "Order size is smaller than the minimum requirement", ResidueReason.REJECTED),
        (434, "The order size cannot be zero", ResidueReason.REJECTED),
    ],
)
def test_what_only_a_person_can_close_is_left_at_once_in_the_brokers_words(
    code: int, text: str, reason: ResidueReason
) -> None:
    stage = sent()
    stage.reject(stage.place, code, text)
    stage.run(300)
    assert stage.finished and stage.report.outcome is LoginOutcome.RESIDUE
    assert stage.reasons == [reason] and stage.residue[0].detail == f"{code}: {text}" and len(stage.placed) == 1


@pytest.mark.parametrize("code", [383, 461])
def test_a_size_beyond_the_precautions_is_sent_in_parts(code: int) -> None:
    stage = sent(8)
    stage.reject(stage.place, code, "size exceeds the size limit")
    assert stage.next_place().quantity == 4
    stage.fill(stage.place)
    assert stage.next_place().quantity == 4
    stage.fill(stage.place)
    stage.run(1000)
    assert stage.report.flat


@pytest.mark.parametrize("code", [109, 163, 382])
def test_a_market_order_that_the_precautions_refuse_becomes_a_limit(code: int) -> None:
    stage = sent()
    stage.reject(stage.place, code, "violates the precautionary settings")
    stage.run(1200)
    stage.price_rules(CALL)
    stage.tell(ev.Quoted(11, quote()))
    assert stage.place.order_type is OrderType.LIMIT


@pytest.mark.parametrize("code", [435, 436])
def test_an_account_or_allocation_that_is_asked_for_was_named_and_is_tried_a_few_times(code: int) -> None:
    stage = sent(tries_max=3)
    for _ in range(3):
        assert stage.place.account == ACCOUNT
        stage.reject(stage.place, code, "You must specify an account")
        stage.run(5000)
    assert len(stage.placed) == 3 and stage.finished and stage.reasons == [ResidueReason.REJECTED]


def test_a_contract_that_contradicts_its_id_is_looked_up_by_the_id_alone() -> None:
    stage = sent()
    stage.reject(stage.place, 478, "Parameters in request conflicts with contract parameters received by contract id")
    stage.run(1200)
    assert [r.contract.con_id for r in stage.all(Resolve)] == [11]
    assert len(stage.placed) == 2  # where the look-up is not answered it goes on with what it has


def test_positions_that_are_not_available_yet_are_not_none() -> None:
    """2151 fails the read: unknown, and asked for again."""
    stage = Stage(held(CALL, 3))
    real, stage.positions = stage.positions, None
    stage.begin()
    stage.run(2000)
    assert stage.placed == [] and not stage.finished
    stage.positions = real
    stage.run(1000)
    assert stage.place.quantity == 3


def test_an_order_on_the_other_side_of_an_option_is_seen_gone_before_the_close() -> None:
    """201: Cannot have open orders on both sides of the same US Option contract."""
    stage = Stage(held(CALL, 3), orders=[order(CALL, "BUY", 1)]).begin()
    stage.run(3000)
    assert stage.placed == [] and len(stage.all(GlobalCancel)) > 1
    stage.orders = []
    assert stage.next_place().action == "SELL"


def test_a_future_refused_for_its_missing_exchange_is_asked_for_and_routed_there() -> None:
    """321: Missing order exchange."""
    stage = Stage(held(MNQ, 1), exchange_patience_ns=0).begin()
    assert stage.place.contract.exchange == "CME"
    stage.reject(stage.place, 321, "Error validating request: Missing order exchange")
    stage.run(700)
    assert len(stage.all(Resolve)) == 2


def test_a_stock_that_would_wait_for_the_morning_is_not_left_in_the_queue() -> None:
    stage = Stage(held(stock(), 3)).begin(details_for=(stock(),))
    stage.reject(stage.place, 399, "Warning: your order will not be placed at the exchange until 09:30:00 US/Eastern")
    assert stage.withdrawn == [1]
