"""What was closed agrees with the statement: held at the press, traded by us, traded by others, and what is unknown."""

from __future__ import annotations

import pytest

from core.kill.builders import (
    ACCOUNT,
    ES,
    SECOND,
    D,
    OrderType,
    Place,
    Stage,
    details,
    ev,
    execution,
    held,
    option,
    order,
)
from engine.core.facts import UnreadPosition
from engine.core.kill.closes.attempt import Attempt, State
from engine.core.kill.other_kills.others_closes import Closed as OthersClose
from engine.core.kill.outcome.others_trades import OthersTrades
from engine.core.kill.outcome.told_closed import ToldClosed, _Ours
from engine.core.kill.report import ClosedPosition, PartlyClosed, Trade, Trader

CALL = option(11)


def others(stage: Stage, quantity: int, number: int = 1, *, client_id: int = 42, shown: bool = True) -> None:
    """Somebody else trades ES; the position follows, if it does."""
    assert stage.executions is not None
    stage.executions.append(execution(ES, quantity, f"o{number}.01", client_id=client_id, price=D(110)))
    if shown:
        stage.move(ES.con_id, D(quantity))


def fill(stage: Stage, place: Place, price: int, quantity: int | None = None) -> None:
    """As `Stage.fill`, at a price."""
    signed = (D(quantity) if quantity else place.quantity) * (1 if place.action == "BUY" else -1)
    stage.move(place.contract.con_id, signed)
    done = execution(place.contract, str(signed), f"own.{place.key}.01", order_ref=place.order_ref, price=D(price))
    if stage.executions is not None:
        stage.executions.append(done)
    stage.tell(ev.CloseFill(place.key, done))


def first_place(stage: Stage) -> Place:
    return stage.place if stage.placed else stage.next_place()


def only(stage: Stage) -> ClosedPosition:
    [one] = stage.report.closed
    return one


def sums(one: ClosedPosition | PartlyClosed) -> tuple[object, ...]:
    return one.at_press, one.traded, one.traded_by_others


def trades(one: ClosedPosition | PartlyClosed) -> list[tuple[object, ...]]:
    return [(trade.by, trade.client_id, trade.quantity, trade.avg_price) for trade in one.trades]


@pytest.mark.parametrize("side", [1, -1])
def test_where_nobody_else_traded_this_kill_has_traded_what_was_there(side: int) -> None:
    stage = Stage(held(ES, 3 * side)).begin(details_for=(ES,))
    fill(stage, first_place(stage), 12)
    stage.run(9000)
    one = only(stage)
    assert (one.quantity, one.filled, one.avg_price, one.orders_sent) == (3 * side, 3, 12, 1)
    assert sums(one) == (3 * side, -3 * side, 0)
    assert trades(one) == [(Trader.THIS_KILL, None, -3 * side, 12)]


def test_where_a_program_goes_on_the_report_tells_what_was_held_what_we_traded_and_what_it_did() -> None:
    stage = Stage(held(ES, -2), deadline_ns=90 * SECOND).begin()
    others(stage, -3)
    stage.run(500)
    stage.tell(ev.Resolved(ES.con_id, details(ES)))
    fill(stage, first_place(stage), 111)
    stage.run(30_000)
    one = only(stage)
    assert (one.quantity, one.filled, one.avg_price) == (-2, 5, 111)
    assert sums(one) == (-2, 5, -3)
    assert trades(one) == [(Trader.THIS_KILL, None, 5, 111), (Trader.CLIENT, 42, -3, 110)]


def test_what_was_opened_after_the_press_was_not_held_at_it() -> None:
    stage = Stage(deadline_ns=90 * SECOND).begin()
    stage.run(100)
    others(stage, 4)
    stage.run(1000)
    stage.tell(ev.Resolved(ES.con_id, details(ES)))
    stage.positions = [held(ES, 4)]
    fill(stage, first_place(stage), 111)
    stage.run(30_000)
    assert (only(stage).quantity, *sums(only(stage))) == (4, 0, -4, 4)


def test_a_position_that_the_kill_has_traded_both_ways_has_both_with_their_prices() -> None:
    """It sold 3; a program sold 5 more; it bought those back."""
    stage = Stage(held(ES, 3), deadline_ns=90 * SECOND).begin(details_for=(ES,))
    fill(stage, first_place(stage), 100)
    others(stage, -5)
    stage.positions = [held(ES, -5)]
    fill(stage, stage.next_place(30_000), 120)
    stage.run(40_000)
    one = only(stage)
    assert (one.filled, one.traded, one.traded_by_others, one.avg_price) == (8, 2, -5, 120)
    assert trades(one)[:2] == [(Trader.THIS_KILL, None, 5, 120), (Trader.THIS_KILL, None, -3, 100)]


def test_an_average_price_that_is_not_told_for_all_of_it_is_not_made_up() -> None:
    stage = Stage(held(ES, 3)).begin(details_for=(ES,))
    place = first_place(stage)
    fill(stage, place, 100, 1)
    stage.tell(ev.CloseStatus(place.key, "Filled", D(3), 901))
    stage.positions = []
    stage.run(5000)
    assert (only(stage).traded, only(stage).avg_price) == (-3, None)


def test_where_executions_cannot_be_read_what_others_traded_is_not_known_and_not_nothing() -> None:
    stage = Stage(held(ES, 3), deadline_ns=90 * SECOND)
    stage.executions = None
    stage.begin(details_for=(ES,))
    fill(stage, first_place(stage), 12)
    stage.run(40_000)
    assert sums(only(stage)) == (3, -3, None)


def vanished(stage: Stage) -> Stage:
    """Its order was taken, and is gone without a word; so is the position."""
    stage.executions = None
    stage.ended = []
    stage.begin(details_for=(ES,))
    stage.acknowledge(first_place(stage))
    stage.positions, stage.orders = [], []
    stage.run(80_000)
    return stage


def test_what_an_order_did_that_ended_without_a_word_is_not_known_and_not_nothing() -> None:
    one = only(vanished(Stage(held(ES, 3), deadline_ns=90 * SECOND)))
    assert (one.filled, one.orders_sent) == (None, 1)
    assert sums(one) == (3, None, None)


def test_such_an_order_did_nothing_where_all_is_accounted_for_without_it() -> None:
    stage = Stage(held(ES, 3), deadline_ns=90 * SECOND)
    stage.ended = []
    stage.begin(details_for=(ES,))
    stage.acknowledge(first_place(stage))
    others(stage, -3)
    stage.run(80_000)
    assert (only(stage).filled, *sums(only(stage))) == (0, 3, 0, -3)


def test_what_was_held_at_the_press_is_not_known_where_a_row_of_the_first_list_was_not_read() -> None:
    stage = Stage(held(ES, 3))
    stage.unread = [UnreadPosition(ACCOUNT, 0, "", "cut short")]
    stage.begin(details_for=(ES,))
    stage.unread = []
    fill(stage, first_place(stage), 12)
    stage.run(30_000)
    assert (only(stage).quantity, *sums(only(stage))) == (3, None, -3, 0)


def test_a_part_tells_the_same() -> None:
    stage = Stage(held(ES, 10), deadline_ns=20 * SECOND).begin(details_for=(ES,))
    fill(stage, first_place(stage), 12, 7)
    others(stage, 2)
    stage.run(21_000)
    [one] = stage.report.partly_closed
    assert (one.filled, one.filled_by_other, one.avg_price) == (7, None, 12)
    assert sums(one) == (10, -7, 2)
    assert one.trades[1] == Trade(by=Trader.CLIENT, quantity=D(2), avg_price=D(110), client_id=42)


def test_each_contract_has_its_own_orders() -> None:
    stage = Stage(held(ES, 3), held(CALL, -2)).begin(details_for=(ES,))
    fill(stage, stage.place, 5)  # the short option goes first
    fill(stage, stage.next_place(), 12)
    stage.run(20_000)
    assert {(one.contract.symbol, one.traded, one.avg_price) for one in stage.report.closed} == {
        ("ES", -3, 12),
        ("SPY", 2, 5),
    }


# the parts, one by one ------------------------------------------------------------------------------------------------


def attempt(action: str = "SELL", filled: int = 0, *, untold: bool = False) -> Attempt:
    """One for five that is over."""
    place = Place(
        key=1,
        account=ACCOUNT,
        contract=ES,
        action=action,
        quantity=D(5),
        order_type=OrderType.MARKET,
        order_ref="QEKILL-k-1",
    )
    made = Attempt(place, state=State.ENDED, untold=untold)
    if filled:
        made.fill(execution(ES, filled if action == "BUY" else -filled))
    return made


def test_more_may_have_filled_of_an_order_that_ended_without_a_word_and_was_not_filled_whole() -> None:
    whole, cancelled = attempt(filled=5), attempt(filled=2)
    assert not _Ours([whole, cancelled]).may_have_more
    assert not _Ours([attempt(filled=5, untold=True)]).may_have_more
    assert _Ours([whole, attempt(filled=2, untold=True)]).may_have_more


def test_orders_that_come_to_nothing_have_no_price() -> None:
    assert _Ours([attempt("BUY", 5), attempt("SELL", 5)]).price() is None
    assert _Ours([attempt("BUY", 5), attempt("SELL", 4)]).price() == 10


def test_what_another_kill_has_closed_before_anything_was_seen_here_is_told_as_theirs() -> None:
    machine = Stage().begin().machine
    theirs = {(ACCOUNT, ES.con_id): OthersClose(contract=ES, quantity=D(2), avg_price=D(110))}
    [closed] = ToldClosed(machine._closing, machine._ledger, OthersTrades("k"), theirs).closed()
    assert (closed.quantity, closed.filled, closed.traded, closed.filled_by_other) == (2, 0, 0, 2)
    assert closed.by_other_kill and closed.at_press is None


def test_of_what_a_person_has_closed_this_kill_has_sent_no_order() -> None:
    stage = Stage(held(CALL, 3), orders=[order(CALL, "SELL", 3)]).begin()
    stage.orders, stage.positions, stage.executions = [], [], [execution(CALL, -3)]
    stage.run(3000)
    assert stage.placed == []
    (one,) = stage.report.closed
    assert (one.quantity, one.orders_sent) == (3, 0)
